"""What is read of a MySQL or MariaDB, as one statement: rows of a table, a query somebody wrote, a query that was built."""

# Names are quoted, and stand in the catalogue; what a person wrote is judged by the server alone first.

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from paquebot.sources.building import BuildCompiler, WritingCompiler, bound
from paquebot.sources.outside.adding import listed
from paquebot.sources.outside.base import OutsideTable
from paquebot.sources.outside.choosing import chosen, kinds_of
from paquebot.sources.outside.mysql_sql import EXPRESSIONS, MysqlCompiler, identifier, keeping_order, with_parameters
from paquebot.sources.selecting import Links, Statement, Value
from paquebot.sources.selection import BuiltSelection, Selection, TableSelection

if TYPE_CHECKING:
    from paquebot.sources.outside.mysql_link import Link


class MysqlBuild(MysqlCompiler, BuildCompiler):
    """Built queries in the dialect of MySQL and MariaDB."""

    __slots__ = ()


class MysqlWriting(MysqlCompiler, WritingCompiler):
    """The same with every value written out, for people."""

    __slots__ = ()

    def bind(self, value: Value) -> str:
        return self.as_text(self.written(value)) if isinstance(value, str) else self.written(value)

    def among(self, expression: str, values: list[Any]) -> str:
        return f"{expression} IN ({', '.join(map(self.bind, values))})" if values else "FALSE"

    def run_date_and(self, days: int) -> str:
        return f"($run_date {'+' if days > 0 else '-'} INTERVAL {abs(days)} DAY)"

    def written(self, value: Any) -> str:
        """In text a backslash is written twice: it stands for the character behind it otherwise."""
        return super().written(value.replace("\\", "\\\\") if isinstance(value, str) else value)


def statement(selection: Selection, link: Link) -> Statement:
    """The statement for `selection`. Raises `SourceError`."""
    from paquebot.sources.outside.mysql_tables import tables_of

    if isinstance(selection, TableSelection):
        return _of_table(selection, tables_of(link), link.place)
    if isinstance(selection, BuiltSelection):
        given, kinds = selection.given, kinds_of(tables_of(link))
        asked = bound(selection.build, kinds, selection.belonging, selection.run_date, identifier, dialect=MysqlBuild)
    else:
        given, asked = selection.parameters, with_parameters(selection.sql, selection.parameters)
    if not selection.calculated:
        return asked
    names = [column.name for column in link.describe(asked)]
    columns = listed(names, selection.calculated, given, EXPRESSIONS)
    return columns.statement(f"FROM (\n{keeping_order(asked.sql)}\n) AS asked", {**given, **asked.values})


def _of_table(selection: TableSelection, tables: Mapping[str, OutsideTable], place: str) -> Statement:
    found = chosen(selection, tables, place)
    links = selection.links or Links("")
    compiler = MysqlCompiler(
        selection.table, kinds_of(tables), links, selection.run_date, identifier, members=selection.members
    )
    where = f" WHERE {compiler.condition(selection.where)}" if selection.where is not None else ""
    order = f" ORDER BY {', '.join(map(identifier, found.key))}" if found.key else ""
    given = {"run_date": selection.run_date} if selection.calculated else {}
    columns = listed(found.fields, selection.calculated, given, EXPRESSIONS, [column.name for column in found.table.columns])
    source = f"FROM {identifier(found.table.name)}"
    return columns.statement(f"{source}{where}{order}", {**compiler.parameters, **given}, source)
