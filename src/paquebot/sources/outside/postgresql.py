"""A PostgreSQL (12 or newer) as a project's database."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import psycopg
import psycopg.conninfo

from paquebot.errors import PaquebotError, Problem, SourceError
from paquebot.options import DefinitionError, Option, Path, nearest
from paquebot.sources.outside import postgresql_selecting as selecting
from paquebot.sources.outside import postgresql_sql as dialect
from paquebot.sources.outside.base import Database, OutsideTable, Step
from paquebot.sources.outside.postgresql_link import ENCRYPT, OFF, VERIFY, Link, place_of
from paquebot.sources.outside.postgresql_reading import PostgresqlSource
from paquebot.sources.outside.postgresql_tables import schemas_of, tables_of
from paquebot.sources.outside.problems import NO_SUCH_SCHEMA
from paquebot.sources.selection import BuiltSelection, Limits, QuerySelection, Selection, TableSelection

MAY_WRITE = Problem(
    "source.may_write",
    "This user may also change tables; Paquebot reads in transactions that refuse to write, and needs no more than reading.",
    "A user with the right to read (SELECT) alone is safer, whatever happens to its password.",
)
BAD_DSN = Problem(
    "definition.bad_dsn",
    "{where}: this is not a connection string whose parts all have a meaning here.",
    "Write the parts as keys of their own (host, port, database, username, password, tls), or keep to: {known}.",
)
_DSN_PARTS = {
    "host": "host",
    "port": "port",
    "dbname": "database",
    "user": "username",
    "password": "password",
    "sslmode": "tls",
}
_SSL_MODES = {"verify-full": VERIFY, "require": ENCRYPT, "disable": OFF}
EXAMINATION_SECONDS = 20
_MAY_WRITE = """
    SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))"""


class PostgresqlDatabase(Database):
    NAME = "postgresql"
    LABEL = "PostgreSQL"
    WRITING = selecting.PostgresqlWriting
    OPTIONS: ClassVar = (
        Option("host", "The name or address of the server.", label="Host", required=True),
        Option("port", "Its port.", kind="integer", default=5432, least=1, most=65_535, label="Port"),
        Option("database", "The database on that server.", label="Database", required=True),
        Option("schema", "The schema its tables are in.", default="public", label="Schema"),
        Option("username", "A user that may read these tables, and had better not change them.", label="User", required=True),
        Option("password", "That user's password.", secret=True, label="Password"),
        Option(
            "tls",
            "How the connection is protected.",
            default=VERIFY,
            choices=(VERIFY, ENCRYPT, OFF),
            choice_labels=(
                "Encrypted, and the server's certificate is checked",
                "Encrypted, whoever answers",
                "Not at all",
            ),
            label="Protection (TLS)",
            risky=(ENCRYPT, OFF),
            risk="Whoever stands between here and the database may read the rows, or answer in its place.",
        ),
        Option(
            "ca_certificate",
            "The authority that signs the server's certificate, in PEM text; without it, those this machine trusts.",
            lines=True,
            only_with=(f"tls={VERIFY}",),
        ),
        Option(
            "statement_timeout_seconds",
            "The longest a statement may take there.",
            kind="integer",
            default=1800,
            least=1,
            most=86_400,
            tuning=True,
        ),
    )

    @classmethod
    def _spelled(cls, written: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
        if "dsn" not in written:
            return written
        return {**_fields_of(written["dsn"], (*path, "dsn")), **{key: value for key, value in written.items() if key != "dsn"}}

    @property
    def place(self) -> str:
        return place_of(self.options)

    def tables(self) -> tuple[OutsideTable, ...]:
        with self._link() as link:
            found = tables_of(link)
            if not found:
                _require_schema(link, self.place)
            return tuple(found[name] for name in sorted(found))

    def source(self, selection: Selection, limits: Limits) -> PostgresqlSource:
        return PostgresqlSource(self.options, selection, limits)

    def check(self, selection: TableSelection) -> None:
        with self._link() as link:
            link.describe(selecting.select(selection, tables_of(link), self.place, link.schema))

    def statement(self, selection: Selection) -> tuple[str, Mapping[str, Any]]:
        if isinstance(selection, QuerySelection):
            return selection.sql, {name: value for name, value in selection.parameters.items() if f"${name}" in selection.sql}
        with self._link() as link:
            tables = tables_of(link)
            if isinstance(selection, BuiltSelection):
                chosen = selecting.built(selection.build, tables, selection.belonging, selection.run_date)
            else:
                chosen = selecting.select(selection, tables, self.place, link.schema)
        return chosen.sql, chosen.values

    def quoted(self, name: str) -> str:
        return dialect.identifier(name)

    def examine(self) -> list[Step]:
        link = self._link()
        found = [_timed("sign_in", link.__enter__)]
        if found[-1].error:
            return found
        try:
            for name, act in (("tables", lambda: _look(link, self.place)), ("rights", lambda: _rights(link))):
                found.append(_timed(name, act))
                if found[-1].error:
                    break
        finally:
            link.close()
        return found

    def _link(self) -> Link:
        return Link(self.options, min(EXAMINATION_SECONDS, self.options["statement_timeout_seconds"]))


def _fields_of(dsn: Any, path: Path) -> dict[str, Any]:
    """The parts of a connection string; what has no field here is refused, and the string is kept nowhere."""
    try:
        parts = psycopg.conninfo.conninfo_to_dict(str(dsn))
    except psycopg.Error:
        raise DefinitionError(BAD_DSN, path, known=list(_DSN_PARTS)) from None  # not chained: the driver quotes the string
    fields: dict[str, Any] = {}
    for part, value in parts.items():
        if part == "sslmode" and value in _SSL_MODES:
            fields["tls"] = _SSL_MODES[str(value)]
        elif part == "port" and str(value).isdecimal():
            fields["port"] = int(str(value))
        elif part in _DSN_PARTS and part not in ("sslmode", "port"):
            fields[_DSN_PARTS[part]] = str(value)
        else:
            raise DefinitionError(BAD_DSN, path, known=list(_DSN_PARTS))
    return fields


def _look(link: Link, place: str) -> None:
    if not tables_of(link):
        _require_schema(link, place)


def _rights(link: Link) -> Problem | None:
    return MAY_WRITE if link.ask(_MAY_WRITE, link.schema)[0][0] else None


def _require_schema(link: Link, place: str) -> None:
    known = schemas_of(link)
    if link.schema not in known:
        near = nearest(link.schema, known)
        raise SourceError(NO_SUCH_SCHEMA, place=place, schema=link.schema, nearest=near, known=known)


def _timed(name: str, act: Callable[[], object]) -> Step:
    started = time.monotonic()
    try:
        advice = act()
    except PaquebotError as error:
        return Step(name, time.monotonic() - started, error)
    return Step(name, time.monotonic() - started, advice=advice if isinstance(advice, Problem) else None)
