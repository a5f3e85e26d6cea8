"""The builder of a query: a form of rows that works without JavaScript, each button showing it again with what was typed.

The fields of the form: `table` the first table; `link` repeats the number of every linked one (`l1-table`, `l1-field`, `l1-to`,
`l1-optional`); criteria are those of the builder of criteria; `column` repeats the number of every column (`c1-field`,
`c1-aggregate`, `c1-as`), `order` of every order (`o1-by`, `o1-descending`); `limit`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from paquebot import query_build
from paquebot.errors import CommandError, PaquebotError, Problem
from paquebot.language import translatable
from paquebot.options import DefinitionError
from paquebot.query_build import AGGREGATES, COUNT, QueryBuild
from paquebot.records.belonging import belonging_of
from paquebot.records.built import kinds_of
from paquebot.records.meant import Askable
from paquebot.records.models import Project
from paquebot.web.criteria.builder import Builder
from paquebot.web.telling import told

NOT_COMPLETE = Problem("build.not_complete", "The query is not complete yet.", "Look at what is told beside its parts.")
NO_TABLE = Problem("build.no_table", "No table is chosen.", "Choose the table the rows come from.")
NOT_A_LIMIT = Problem("build.not_a_limit", "“{value}” is no number of rows.", "Write a whole number, or leave it empty.")
AGGREGATE_WORDS = {
    "": translatable("as it is"),
    "count": translatable("number"),
    "count_distinct": translatable("number of different values"),
    "sum": translatable("sum"),
    "average": translatable("average"),
    "min": translatable("least"),
    "max": translatable("greatest"),
}
MOST_ROWS = 60
STEPS = {"up": -1, "down": 1}
Choices = list[tuple[str, str]]


@dataclass(slots=True)
class Line:
    """A linked table, a column or an order: its number, what was written, what is wrong with it."""

    number: int
    values: dict[str, str]
    errors: list[str] = field(default_factory=list)


class BuildForm:
    """The whole builder, from the kept query or, once sent, from what was written."""

    def __init__(self, project: Project, *, stored: QueryBuild | None = None, written: Any = None) -> None:
        self.project = project
        self.kinds = kinds_of(project)
        self.belonging = belonging_of(project)
        self.errors: list[str] = []
        self.limit_errors: list[str] = []
        self.build: QueryBuild | None = None
        document = stored.to_document() if stored else {}
        read: Callable[[str], Any] = (lambda name: written.get(name, "")) if written is not None else (lambda name: "")
        first = self.belonging.contacts or next(iter(self.kinds), "")
        self.table = str(read("table") or document.get("table") or first)
        self.limit = str(read("limit") if written is not None else document.get("limit") or "")
        self.links = _lines(written, "link", "l", ("table", "field", "to", "optional"), document.get("linked", ()))
        self.columns = _lines(written, "column", "c", ("field", "aggregate", "as"), document.get("columns", ()))
        self.orders = _lines(written, "order", "o", ("by", "descending"), document.get("order", ()))
        self.builder = Builder(self._askable(), stored=stored.where if stored else None, written=written)

    # ── what can be chosen ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def tables(self) -> Choices:
        return _choices([name for name in self.kinds if name not in self._joined], self.table)

    @property
    def fields(self) -> list[str]:
        """Of all tables there are in it; those of linked tables with their table before them."""
        return list(self._fields())

    @property
    def shown_links(self) -> list[dict[str, Any]]:
        others = [name for name in self.kinds if name != self.table]
        return [
            {
                "line": line,
                "tables": _choices(others, line.values["table"]),
                "fields": _choices(list(self.kinds.get(line.values["table"], ())), line.values["field"]),
                "to": _choices(list(self.kinds.get(self.table, ())), line.values["to"]),
            }
            for line in self.links
        ]

    @property
    def shown_columns(self) -> list[dict[str, Any]]:
        aggregates = [(name, gettext(AGGREGATE_WORDS[name])) for name in ("", *AGGREGATES)]
        return [
            {"line": line, "fields": _choices(self.fields, line.values["field"]), "aggregates": aggregates}
            for line in self.columns
        ]

    @property
    def shown_orders(self) -> list[dict[str, Any]]:
        called = self._called()
        return [{"line": line, "columns": _choices(called, line.values["by"])} for line in self.orders]

    # ── what buttons do ──────────────────────────────────────────────────────────────────────────────────────────────────

    def act(self, asked: str) -> bool:
        """Whether the button that was pressed only changed rows; nothing is saved then."""
        verb, _, number = asked.partition(":")
        kind, _, what = verb.partition("-")
        lines = {"link": self.links, "column": self.columns, "order": self.orders}.get(kind)
        if lines is None:
            return self.builder.act(asked)
        if what == "add" and len(lines) < MOST_ROWS:
            self._add(kind, lines)
        elif what == "all":
            lines[:] = [_line(place, {"field": name}, "column") for place, name in enumerate(self.fields[:MOST_ROWS], 1)]
        elif what == "remove":
            lines[:] = [line for line in lines if str(line.number) != number]
        elif what in STEPS:
            _move(lines, number, STEPS[what])
        return True

    def _add(self, kind: str, lines: list[Line]) -> None:
        free = 1 + max((line.number for line in lines), default=0)
        said: dict[str, str] = {}
        if kind == "link":
            said = self._first_linked()
        elif kind == "order":
            said = {"by": next(iter(self._called()), "")}
        lines.append(_line(free, said, kind))

    def _first_linked(self) -> dict[str, str]:
        """The first table that is not there yet, those that belong to contacts before others."""
        free = [name for name in self.kinds if name not in (self.table, *self._joined)]
        free.sort(key=lambda name: name not in self.belonging.fields and name != self.belonging.contacts)
        return {"table": free[0]} if free else {}

    def renewed(self) -> BuildForm:
        """The builder with the fields its criteria may ask now that tables came or went."""
        self.builder.askable = self._askable()
        return self

    # ── what it comes to ─────────────────────────────────────────────────────────────────────────────────────────────────

    def is_valid(self) -> bool:
        """Everything is looked at, so that each wrong row is told at once; then `build` is what it comes to."""
        right = self.builder.is_valid()
        try:
            document = self._document()
            self.build = query_build.from_document(document)
        except DefinitionError as error:
            self.place_error(error)
            right = False
        except CommandError as error:
            self.limit_errors.append(told(error))
            right = False
        return right

    def place_error(self, error: PaquebotError) -> None:
        """Beside the row the error is about, or on top."""
        path: tuple[str | int, ...] = getattr(error, "path", ())
        lines = {"linked": self.links, "columns": self.columns, "order": self.orders}.get(str(path[0]) if path else "")
        if lines is not None and len(path) > 1 and int(path[1]) < len(lines):
            lines[int(path[1])].errors.append(told(error))
        else:
            self.errors.append(told(error))

    def _document(self) -> dict[str, Any]:
        if not self.table:
            raise DefinitionError(NO_TABLE, ("table",))
        where = self.builder.criterion
        said = {
            "table": self.table,
            "linked": [
                {**_said(line, "table", "field", "to"), "optional": bool(line.values["optional"])} for line in self.links
            ],
            "where": where.to_document() if where else None,
            "columns": [_said(line, "field", "aggregate", "as") for line in self.columns],
            "order": [{**_said(line, "by"), "descending": line.values["descending"] == "yes"} for line in self.orders],
            "limit": self._limit(),
        }
        return {key: value for key, value in said.items() if value not in (None, [])}

    def _limit(self) -> int | None:
        figures = "".join(self.limit.split())
        if not figures:
            return None
        if not figures.isdecimal() or len(figures) > 12:
            raise CommandError(NOT_A_LIMIT, value=self.limit)
        return int(figures)

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _joined(self) -> list[str]:
        return [line.values["table"] for line in self.links if line.values["table"] in self.kinds]

    def _fields(self) -> Mapping[str, str]:
        found = dict(self.kinds.get(self.table, {}))
        for table in self._joined:
            found |= {f"{table}.{name}": kind for name, kind in self.kinds[table].items()}
        return found

    def _askable(self) -> Askable:
        of_contacts = self.table and self.table == self.belonging.contacts
        profiles = {name: self.kinds[name] for name in self.belonging.fields if name in self.kinds} if of_contacts else {}
        return Askable(self._fields(), profiles, self.table)

    def _called(self) -> list[str]:
        """The columns as they are called in the result."""
        if not self.columns:
            return list(self.kinds.get(self.table, ()))
        said = (line.values for line in self.columns)
        columns = (query_build.Column(one["field"] or None, one["aggregate"] or None, one["as"]) for one in said)
        return list(dict.fromkeys(column.called for column in columns if column.field or column.aggregate == COUNT))


def _lines(written: Any, kind: str, letter: str, names: Sequence[str], stored: Sequence[Mapping[str, Any]]) -> list[Line]:
    if written is None:
        return [_line(number, one, kind) for number, one in enumerate(stored, start=1)]
    numbers = [number for number in dict.fromkeys(written.getlist(kind)) if number.isdecimal() and len(number) < 5]
    return [
        Line(int(number), {name: written.get(f"{letter}{number}-{name}", "").strip() for name in names})
        for number in numbers[:MOST_ROWS]
    ]


_NAMES = {"link": ("table", "field", "to", "optional"), "column": ("field", "aggregate", "as"), "order": ("by", "descending")}


def _line(number: int, said: Mapping[str, Any], kind: str) -> Line:
    values = {name: "yes" if said.get(name) is True else str(said.get(name) or "") for name in _NAMES[kind]}
    return Line(number, values)


def _said(line: Line, *names: str) -> dict[str, str]:
    return {name: line.values[name] for name in names if line.values[name]}


def _move(lines: list[Line], number: str, step: int) -> None:
    place = next((place for place, line in enumerate(lines) if str(line.number) == number), None)
    if place is not None:
        lines.insert(min(max(place + step, 0), len(lines) - 1), lines.pop(place))


def _choices(names: Sequence[str], chosen: str) -> Choices:
    """What is chosen is among them, even when it is no longer there."""
    return [(name, name) for name in (*names, *((chosen,) if chosen and chosen not in names else ()))]
