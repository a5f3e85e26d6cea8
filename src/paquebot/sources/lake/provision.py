"""Setting a project's database up and taking it down: role, schema, guarded metadata tables, data folder.

Two promises of the project database are kept here, by PostgreSQL itself:

- *A project sees its own schema only.* Its role may sign in, use its schema, and read and write the rows of the metadata
  tables. It owns nothing and may create nothing, so DuckLake cannot place rows of people in PostgreSQL ("inlining") either.
- *No value of a person lies in PostgreSQL*; see `guard.py`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from paquebot.errors import Problem, StoreError
from paquebot.sources.lake import duck
from paquebot.sources.lake.address import LakeAddress
from paquebot.sources.lake.catalogue import LAKE, attach
from paquebot.sources.lake.guard import GUARD, GUARD_FUNCTION, GUARD_TRIGGER, GUARDED_TABLES, is_guarded

__all__ = ["is_guarded", "provision", "unprovision"]

PROVISION_REFUSED = Problem(
    "store.project_not_set_up",
    "PostgreSQL did not let the project database “{schema}” be set up or removed (SQLSTATE {state}).",
    "The application's PostgreSQL role needs CREATEROLE and CREATE on the database.",
)

_QUIET_LOGS = {"log_min_error_statement": "panic", "log_statement": "none", "log_min_duration_statement": "-1"}
"""Statements carry values on their way to the trigger; the server's log is to keep none of them."""


def provision(admin: psycopg.Connection, address: LakeAddress) -> None:
    """Sets the project's database up at `address`; run again, it repairs what is missing and renews the password.

    `admin` is an autocommit connection to the same database by a role with CREATEROLE and CREATE on the database, which becomes
    the owner of the schema and its tables. Raises `StoreError` when PostgreSQL refuses, `SourceError` when DuckLake does.
    """
    _require_autocommit(admin)
    with _translated(address), _alone(admin, address):
        _make_role(admin, address)
        _quieten_logs(admin, address)
        _make_schema(admin, address)
        address.data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if "ducklake_metadata" not in _tables(admin, address):
            _make_metadata(admin, address)
        _take_over(admin, address)


def unprovision(admin: psycopg.Connection, address: LakeAddress) -> None:
    """Removes the project's schema, role and data folder for good; nothing happens where there are none."""
    _require_autocommit(admin)
    with _translated(address), _alone(admin, address), admin.transaction():
        _execute(admin, "DROP SCHEMA IF EXISTS {schema} CASCADE", address)
        if _role_exists(admin, address):
            _join_role(admin, address)
            _execute(admin, "DROP OWNED BY {role}", address)
            _execute(admin, "DROP ROLE {role}", address)
    shutil.rmtree(address.data_folder, ignore_errors=True)
    if address.mirror:
        for name in address.mirror.names():
            address.mirror.drop(name)


def _make_role(admin: psycopg.Connection, address: LakeAddress) -> None:
    if not _role_exists(admin, address):
        _execute(admin, "CREATE ROLE {role} LOGIN", address)
    verifier = admin.pgconn.encrypt_password(
        address.password.reveal().encode(), address.role.encode(), b"scram-sha-256"
    )  # so that no log of statements ever sees the password
    _execute(admin, "ALTER ROLE {role} PASSWORD {verifier}", address, verifier=sql.Literal(verifier.decode()))


def _quieten_logs(admin: psycopg.Connection, address: LakeAddress) -> None:
    """Only a superuser may; on a server of somebody else, what it logs is up to its administrator."""
    row = admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    for name, value in _QUIET_LOGS.items() if row and row[0] else ():
        statement = "ALTER ROLE {role} IN DATABASE {database} SET {name} = {value}"
        _execute(admin, statement, address, name=sql.Identifier(name), value=sql.Literal(value))


def _make_schema(admin: psycopg.Connection, address: LakeAddress) -> None:
    _execute(admin, "CREATE SCHEMA IF NOT EXISTS {schema}", address)
    _execute(admin, "REVOKE ALL ON SCHEMA {schema} FROM PUBLIC", address)
    _execute(admin, "GRANT USAGE ON SCHEMA {schema} TO {role}", address)
    _execute(admin, "ALTER ROLE {role} IN DATABASE {database} SET search_path = {schema}", address)


def _make_metadata(admin: psycopg.Connection, address: LakeAddress) -> None:
    _execute(admin, "GRANT CREATE ON SCHEMA {schema} TO {role}", address)  # until `_take_over`
    connection = duck.connect(address.scratch_folder, load=(duck.DUCKLAKE, duck.POSTGRES))
    try:
        attach(connection, address, create=True)
        connection.execute(f"CALL {LAKE}.set_option('data_inlining_row_limit', 0)")
    finally:
        connection.close()


def _take_over(admin: psycopg.Connection, address: LakeAddress) -> None:
    with admin.transaction():
        _join_role(admin, address)
        admin.execute("SET LOCAL lock_timeout = '30s'")
        for table in _tables(admin, address, owned_by_others=True):
            _execute(admin, "ALTER TABLE {schema}.{table} OWNER TO CURRENT_USER", address, table=sql.Identifier(table))
        _execute(admin, "REVOKE ALL ON SCHEMA {schema} FROM {role}", address)
        _execute(admin, "GRANT USAGE ON SCHEMA {schema} TO {role}", address)
        _execute(admin, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}", address)
        if not is_guarded(admin, address.schema):
            _stand_guard(admin, address)


def _stand_guard(admin: psycopg.Connection, address: LakeAddress) -> None:
    guard = sql.Identifier(GUARD)
    _execute(admin, GUARD_FUNCTION, address, guard=guard)
    for name in GUARDED_TABLES:
        _execute(admin, GUARD_TRIGGER, address, guard=guard, table=sql.Identifier(name))


def _role_exists(admin: psycopg.Connection, address: LakeAddress) -> bool:
    return admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [address.role]).fetchone() is not None


def _join_role(admin: psycopg.Connection, address: LakeAddress) -> None:
    """Who is no superuser must belong to a role to take over or drop what it owns."""
    row = admin.execute("SELECT pg_has_role(current_user, %s, 'USAGE')", [address.role]).fetchone()
    if row and not row[0]:
        _execute(admin, "GRANT {role} TO CURRENT_USER", address)


def _tables(admin: psycopg.Connection, address: LakeAddress, *, owned_by_others: bool = False) -> list[str]:
    condition = sql.SQL("AND tableowner <> current_user" if owned_by_others else "")
    query = sql.SQL("SELECT tablename FROM pg_tables WHERE schemaname = %s {}").format(condition)
    rows = admin.execute(query, [address.schema])
    return [row[0] for row in rows]


def _execute(admin: psycopg.Connection, template: str, address: LakeAddress, **more: sql.Composable) -> None:
    names = {part: sql.Identifier(getattr(address, part)) for part in ("role", "schema", "database")}
    admin.execute(sql.SQL(template).format(**names, **more))


def _require_autocommit(admin: psycopg.Connection) -> None:
    if not admin.autocommit:
        raise ValueError("setting up a project database needs an autocommit connection: DuckLake signs in beside it")


@contextmanager
def _alone(admin: psycopg.Connection, address: LakeAddress) -> Iterator[None]:
    name = f"paquebot:provision:{address.schema}"
    admin.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [name])
    try:
        yield
    finally:
        if not admin.broken:
            admin.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])


@contextmanager
def _translated(address: LakeAddress) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise StoreError(PROVISION_REFUSED, schema=address.schema, state=error.sqlstate or "-") from error
