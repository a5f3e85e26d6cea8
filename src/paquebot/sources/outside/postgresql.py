"""A PostgreSQL (12 or newer) as a project's database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import psycopg
import psycopg.conninfo

from paquebot.errors import Problem, SourceError
from paquebot.options import DefinitionError, Option, Path, nearest
from paquebot.sources.outside import postgresql_selecting as selecting
from paquebot.sources.outside import postgresql_sql as dialect
from paquebot.sources.outside.base import EXAMINATION_SECONDS, Database, OutsideTable, Step, examined
from paquebot.sources.outside.network import ENCRYPT, OFF, VERIFY, network_options, place_of
from paquebot.sources.outside.postgresql_link import Link
from paquebot.sources.outside.postgresql_reading import PostgresqlSource
from paquebot.sources.outside.postgresql_tables import schemas_of, tables_of
from paquebot.sources.outside.problems import MAY_WRITE, NO_SUCH_SCHEMA
from paquebot.sources.selection import BuiltSelection, Limits, QuerySelection, Selection, TableSelection

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
_MAY_WRITE = """
    SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR EXISTS (
        SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = %s AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))"""


class PostgresqlDatabase(Database):
    NAME = "postgresql"
    LABEL = "PostgreSQL"
    WRITING = selecting.PostgresqlWriting
    OPTIONS: ClassVar = network_options(
        5432, Option("schema", "The schema its tables are in.", default="public", label="Schema")
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
            return selection.sql, selection.named()
        with self._link() as link:
            tables = tables_of(link)
            if isinstance(selection, BuiltSelection):
                chosen = selecting.built(selection.build, tables, selection.belonging, selection.run_date)
            else:
                chosen = selecting.select(selection, tables, self.place, link.schema)
        return chosen.sql, chosen.values

    @staticmethod
    def quoted(name: str) -> str:
        return dialect.identifier(name)

    def examine(self) -> list[Step]:
        link = self._link()
        try:
            return examined(
                ("sign_in", link.__enter__),
                ("tables", lambda: _look(link, self.place)),
                ("rights", lambda: _rights(link)),
            )
        finally:
            link.close()

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
