"""Built queries as SQL: names quoted, the values of criteria bound, or written out where people read or take over the SQL.

Promise: both ways say the same rows. A field that several tables have is meant in the first one unless its table is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from paquebot import criteria
from paquebot.criteria import NUMBER
from paquebot.errors import Problem, SourceError
from paquebot.options import nearest
from paquebot.query_build import (
    AVERAGE,
    COUNT,
    COUNT_DISTINCT,
    OF_NUMBERS,
    UNKNOWN_COLUMN,
    Column,
    Link,
    QueryBuild,
)
from paquebot.sources.selecting import Compiler, Kinds, Links, Statement, Value

NO_SUCH_TABLE = Problem(
    "build.unknown_table",
    "This query takes rows of “{table}”, which is no table of this project.",
    "Did you mean “{nearest}”? Tables of this project: {known}.",
)
NO_SUCH_FIELD = Problem(
    "build.unknown_field",
    "This query asks for the field “{field}”, which none of its tables has.",
    "Did you mean “{nearest}”? Their fields: {known}.",
)
HOW_LINKED = Problem(
    "build.how_linked",
    "Nothing says how rows of “{table}” belong to those of “{first}”.",
    "Choose the field of each that must be equal.",
)
NOT_A_NUMBER = Problem(
    "build.not_a_number",
    "“{aggregate}” of the field “{field}” means nothing: it holds {found_kind}.",
    "Count its values instead, or take the least or the greatest.",
)
Quote = Callable[[str], str]
_FUNCTIONS = {AVERAGE: "avg"}
_INDENT = "\n       "


@dataclass(frozen=True, slots=True)
class Belonging:
    """Whose rows belong to contacts: the contact list with its key, and by table the field that holds it."""

    contacts: str = ""
    key: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def links(self, table: str) -> Links:
        """What criteria about `table` can ask of other tables: only contacts have rows elsewhere."""
        return Links(self.key, self.fields) if table == self.contacts else Links("")


@dataclass(frozen=True, slots=True)
class RunDate:
    """The date of the run and so many days, as SQL says it: for the SQL that people read."""

    days: int = 0

    def __add__(self, more: timedelta) -> RunDate:
        return RunDate(self.days + more.days)

    def __sub__(self, more: timedelta) -> RunDate:
        return RunDate(self.days - more.days)


@dataclass(slots=True)
class BuildCompiler(Compiler):
    """Compiles the criteria of a built query: a field may stand in a linked table."""

    joined: tuple[str, ...] = ()
    belonging: Belonging = field(default_factory=Belonging)

    def _field(self, name: str, table: str) -> tuple[str, str] | None:
        if name in self.kinds[table]:
            return table, name
        if table == self.table:
            return next(
                ((other, name[len(other) + 1 :]) for other in self.joined if _is_of(name, other, self.kinds[other])), None
            )
        return None

    def place(self, name: str) -> tuple[str, str]:
        """The quoted field, and its kind. Raises `SourceError` when none of the tables has it."""
        found = self._field(name, self.table)
        if found is None:
            known = [*self.kinds[self.table], *(f"{table}.{one}" for table in self.joined for one in self.kinds[table])]
            raise SourceError(NO_SUCH_FIELD, field=name, nearest=nearest(name, known), known=known)
        table, own = found
        return f"{self.quote(table)}.{self.quote(own)}", self.kinds[table][own]


@dataclass(slots=True)
class WritingCompiler(BuildCompiler):
    """Writes values out instead of binding them."""

    def bind(self, value: Value) -> str:
        return self.written(value)

    def run_date_and(self, days: int) -> str:
        """The date of the run and so many days, in the SQL that people read."""
        return f"CAST($run_date AS DATE) {'+' if days > 0 else '-'} {abs(days)}"

    def written(self, value: Any) -> str:
        """A value as SQL holds it. In text nothing but a quote ends it, and that is doubled."""
        if isinstance(value, list):
            return f"[{', '.join(self.written(item) for item in value)}]"
        if isinstance(value, RunDate):
            return self.run_date_and(value.days) if value.days else "$run_date"
        if isinstance(value, date):
            return f"DATE '{value.isoformat()}'"
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        return format(value, "f") if isinstance(value, Decimal) else str(value)


def bound(  # noqa: PLR0913 — what is asked, of what, when, and in which dialect
    build: QueryBuild,
    kinds: Kinds,
    belonging: Belonging,
    run_date: date,
    quote: Quote,
    *,
    dialect: type[BuildCompiler] = BuildCompiler,
) -> Statement:
    """The SELECT and the values it binds. Raises `SourceError` for a table or field that is not there, `CommandError` for a
    value or an operator that means nothing to its field."""
    links = belonging.links(build.table)
    compiler = dialect(build.table, kinds, links, run_date, quote, joined=build.tables[1:], belonging=belonging)
    return Statement(_select(build, compiler), compiler.parameters)


def written(
    build: QueryBuild, kinds: Kinds, belonging: Belonging, quote: Quote, dialect: type[WritingCompiler] = WritingCompiler
) -> str:
    """The same SELECT with every value in it, as somebody would write it. Raises as `bound` does."""
    today: Any = RunDate()
    links = belonging.links(build.table)
    compiler = dialect(build.table, kinds, links, today, quote, joined=build.tables[1:], belonging=belonging)
    return _select(build, compiler)


def _select(build: QueryBuild, compiler: BuildCompiler) -> str:
    for table in build.tables:
        if table not in compiler.kinds:
            known = sorted(compiler.kinds)
            raise SourceError(NO_SUCH_TABLE, table=table, nearest=nearest(table, known), known=known)
    columns = build.columns or tuple(Column(name) for name in compiler.kinds[build.table])
    parts = [f"SELECT {f',{_INDENT}'.join(_column(column, compiler) for column in columns)}"]
    parts += [f"FROM {compiler.quote(build.table)}", *(_join(link, compiler) for link in build.linked)]
    if build.where:
        parts.append(f"WHERE {compiler.condition(build.where)}")
    parts += _grouped(columns, compiler)
    parts += _ordered(build, columns, compiler)
    return "\n".join(parts)


def _column(column: Column, compiler: BuildCompiler) -> str:
    return f"{_shown(column, compiler)} AS {compiler.quote(column.called)}"


def _shown(column: Column, compiler: BuildCompiler) -> str:
    if column.field is None:
        return "count(*)"
    name, kind = compiler.place(column.field)
    if column.aggregate is None:
        return name
    if column.aggregate in OF_NUMBERS and kind != NUMBER:
        raise SourceError(NOT_A_NUMBER, aggregate=column.aggregate, field=column.field, found_kind=criteria.KIND_WORDS[kind])
    if column.aggregate in (COUNT, COUNT_DISTINCT):
        return f"count(DISTINCT {compiler.same(name, kind)})" if column.aggregate == COUNT_DISTINCT else f"count({name})"
    return f"{_FUNCTIONS.get(column.aggregate, column.aggregate)}({name})"


def _join(link: Link, compiler: BuildCompiler) -> str:
    theirs, mine = _ends(link, compiler)
    table = compiler.quote(link.table)
    names = [compiler.operand(link.table, theirs), compiler.operand(compiler.table, mine)]
    if compiler.kinds[link.table][theirs] != compiler.kinds[compiler.table][mine]:
        names = [compiler.as_text(name) for name in names]
    return f"{'LEFT ' if link.optional else ''}JOIN {table} ON {names[0]} = {names[1]}"


def _ends(link: Link, compiler: BuildCompiler) -> tuple[str, str]:
    """The fields that must be equal; by the contact's key where nothing else is said, whichever of the two is the contact
    list."""
    if link.field is not None and link.to is not None:
        for table, name in ((link.table, link.field), (compiler.table, link.to)):
            if name not in compiler.kinds[table]:
                known = list(compiler.kinds[table])
                raise SourceError(NO_SUCH_FIELD, field=f"{table}.{name}", nearest=nearest(name, known), known=known)
        return link.field, link.to
    belonging = compiler.belonging
    declared = belonging.fields
    if compiler.table == belonging.contacts and link.table in declared:
        return declared[link.table], belonging.key
    if link.table == belonging.contacts and compiler.table in declared:
        return belonging.key, declared[compiler.table]
    if compiler.table in declared and link.table in declared:
        return declared[link.table], declared[compiler.table]
    raise SourceError(HOW_LINKED, table=link.table, first=compiler.table)


def _grouped(columns: tuple[Column, ...], compiler: BuildCompiler) -> Iterator[str]:
    """Beside each field what makes its values the same, where the database would take others for it, too."""
    plain = [compiler.place(column.field) for column in columns if column.aggregate is None and column.field is not None]
    names = [part for name, kind in plain for part in dict.fromkeys((name, compiler.same(name, kind)))]
    if plain and len(plain) < len(columns):
        yield f"GROUP BY {', '.join(names)}"


def _ordered(build: QueryBuild, columns: tuple[Column, ...], compiler: BuildCompiler) -> Iterator[str]:
    places = {column.called.casefold(): place for place, column in enumerate(columns, start=1)}
    for order in build.order:
        if order.by.casefold() not in places:
            known = [column.called for column in columns]
            raise SourceError(UNKNOWN_COLUMN, where=build.table, by=order.by, known=known)
    if build.order:
        listed = (f"{places[order.by.casefold()]}{' DESC' if order.descending else ''}" for order in build.order)
        yield f"ORDER BY {', '.join(listed)}"
    if build.limit:
        yield f"LIMIT {int(build.limit)}"


def _is_of(name: str, table: str, fields: Mapping[str, str]) -> bool:
    return name.startswith(f"{table}.") and name[len(table) + 1 :] in fields
