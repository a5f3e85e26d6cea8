"""Lists: filters as chips in the address, sorting, paging by key, CSV. A page declares its columns; this does the rest.

    RUNS = Listing(
        name="history",
        columns=(Column("file_name", translatable("File"), lambda run: run.file_name, sort="file_name"), …),
        filters=(Filter("status", translatable("Status"), lambda request: [("failed", gettext("failed")), …]),),
        order="-id",
    )
    return RUNS.answer(request, queryset, "history.html", {…})

and the template says `{% include "parts/listing.html" %}`. A cell is drawn by `lists/<name>/<column>.html` when there is such a
template (it sees `row` and `value`), otherwise its value is shown as it is. Paging compares (sorted column, id), so that the
ten-thousandth page costs what the first does; a sorted column must never be null.
"""

from __future__ import annotations

import csv
import itertools
import json
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache, reduce
from typing import Any

from django.core.exceptions import FieldError, ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.core.signing import BadSignature, Signer
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.template.exceptions import TemplateDoesNotExist
from django.template.loader import get_template
from django.utils.formats import localize
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from paquebot.web.spanning import Span

PAGE_ROWS = 50
CHUNK_ROWS = 500
_SECONDS = "seconds"
_signer = Signer(salt="paquebot.listing")


@dataclass(frozen=True, slots=True)
class Column:
    """`value` gives what CSV writes; `sort` is the field of the query it sorts by, empty when it does not."""

    name: str
    label: str
    value: Callable[[Any], Any]
    sort: str = ""
    numeric: bool = False
    narrow: bool = True
    """Whether a phone shows it too."""
    in_csv: bool = True


@dataclass(frozen=True, slots=True)
class Filter:
    """A parameter of the address; `choices` gives values and translated labels, `field` the query's field (or the name).

    `narrow` says how the query is narrowed where that is not “the field equals the value”.
    """

    name: str
    label: str
    choices: Callable[[HttpRequest], Sequence[tuple[str, str]]]
    field: str = ""
    narrow: Callable[[QuerySet[Any], str], QuerySet[Any]] | None = None

    def apply(self, rows: QuerySet[Any], value: str) -> QuerySet[Any]:
        return self.narrow(rows, value) if self.narrow else rows.filter(**{self.field or self.name: value})


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of the application, declared once."""

    name: str
    columns: tuple[Column, ...]
    filters: tuple[Filter, ...] = ()
    order: str = "-id"
    search: tuple[str, ...] = ()
    """The fields of the query in which `?search=` is looked for; without any, the list has no search."""
    span: Span | None = None
    """By which moment of a row the list can be narrowed to a span of days."""
    prepare: Callable[[Sequence[Any]], None] | None = None
    """Sees the rows of a page together before they are drawn, to find out at once what their cells need."""
    beside: Callable[[Sequence[Any]], Mapping[str, Any]] | None = None
    """What a template shows beside the rows of a page, made of them."""

    def answer(
        self, request: HttpRequest, rows: QuerySet[Any], template: str, context: Mapping[str, Any] | None = None
    ) -> HttpResponseBase:
        """The page, or all of the chosen rows as CSV with `?format=csv`."""
        chosen, active = self._filtered(request, self._searched(request, rows))
        if request.GET.get("format") == "csv":
            return self.csv(chosen)
        return render(request, template, {**(context or {}), "listing": self._page(request, chosen, active)})

    def _searched(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        letters = request.GET.get("search", "").strip()
        if not letters or not self.search:
            return rows
        return rows.filter(reduce(operator.or_, (Q(**{f"{name}__icontains": letters}) for name in self.search)))

    def _filtered(self, request: HttpRequest, rows: QuerySet[Any]) -> tuple[QuerySet[Any], list[dict[str, Any]]]:
        active = []
        for filter_ in self.filters:
            choices = filter_.choices(request)
            value = request.GET.get(filter_.name, "")
            known = dict(choices)
            if value in known:
                rows = filter_.apply(rows, value)
            chosen = known.get(value, "")
            label = gettext(filter_.label)
            active.append({"name": filter_.name, "label": label, "choices": choices, "value": value, "chosen": chosen})
        return (self.span.read(request).apply(rows) if self.span else rows), active

    def _page(self, request: HttpRequest, rows: QuerySet[Any], filters: list[dict[str, Any]]) -> dict[str, Any]:
        order = self._order(request)
        found = list(_after(rows, order, request.GET.get("after", ""))[: PAGE_ROWS + 1])
        shown = self._prepared(found[:PAGE_ROWS])
        shared = {"request": request, "csrf_token": get_token(request)}
        days = self.span.read(request) if self.span else None
        searched = request.GET.get("search", "").strip() if self.search else ""
        return {
            "name": self.name,
            "filters": filters,
            "kept": [(name, request.GET[name]) for name in request.GET if name not in ("after", "format")],
            "searchable": bool(self.search),
            "searched": searched,
            "days": days,
            "filtered": any(filter_["chosen"] for filter_ in filters) or bool(searched or (days and (days.first or days.last))),
            "columns": [self._heading(column, order) for column in self.columns],
            "rows": [self._row(row, shared) for row in shown],
            "beside": self.beside(shown) if self.beside else {},
            "next": _token(shown[-1], order) if len(found) > PAGE_ROWS else "",
            "beyond_first": bool(request.GET.get("after")),
        }

    def _order(self, request: HttpRequest) -> str:
        asked = request.GET.get("sort", "")
        sortable = {column.sort for column in self.columns if column.sort}
        return asked if asked.removeprefix("-") in sortable else self.order

    def _heading(self, column: Column, order: str) -> dict[str, Any]:
        direction = {column.sort: "ascending", f"-{column.sort}": "descending"}.get(order, "") if column.sort else ""
        other = column.sort if order == f"-{column.sort}" else f"-{column.sort}"
        return {"column": column, "label": gettext(column.label), "direction": direction, "other": other}

    def _row(self, row: Any, shared: Mapping[str, Any]) -> list[tuple[Column, SafeString | str]]:
        return [(column, self._cell(column, row, shared)) for column in self.columns]

    def _cell(self, column: Column, row: Any, shared: Mapping[str, Any]) -> SafeString | str:
        template, value = _template_of(self.name, column.name), column.value(row)
        if template is None:
            return "" if value is None else str(localize(value))
        cell: SafeString = template.render({**shared, "row": row, "value": value})
        return cell

    def csv(self, rows: QuerySet[Any]) -> StreamingHttpResponse:
        """All of `rows`, newest first."""
        lines = _csv_lines([gettext(column.label) for column in self.columns if column.in_csv], self._values(rows))
        response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
        response.headers["Content-Disposition"] = f'attachment; filename="{self.name}.csv"'
        return response

    def _values(self, rows: QuerySet[Any]) -> Iterator[list[Any]]:
        every = rows.order_by("-id").iterator(chunk_size=CHUNK_ROWS)
        while chunk := self._prepared(list(itertools.islice(every, CHUNK_ROWS))):
            for row in chunk:
                yield [_plain(column.value(row)) for column in self.columns if column.in_csv]

    def _prepared(self, rows: list[Any]) -> list[Any]:
        if self.prepare and rows:
            self.prepare(rows)
        return rows


@cache
def _template_of(listing: str, column: str) -> Any:
    """What draws the cells of a column; None when they are shown as they are."""
    try:
        return get_template(f"lists/{listing}/{column}.html")
    except TemplateDoesNotExist:
        return None


def _after(rows: QuerySet[Any], order: str, token: str) -> QuerySet[Any]:
    """The rows after the one `token` names, in `order` and then by id in the same direction."""
    backwards, name = order.startswith("-"), order.removeprefix("-")
    sorted_rows = rows.order_by(*dict.fromkeys((order, "-id" if backwards else "id")))
    try:
        value, last = json.loads(_signer.unsign(token)) if token else (None, None)
        if last is None:
            return sorted_rows
        if isinstance(value, dict):
            value = timedelta(seconds=value[_SECONDS])
        further = "lt" if backwards else "gt"
        if name == "id":
            return sorted_rows.filter(**{f"id__{further}": last})
        # The first condition repeats what the second implies: only with it does the database begin where the page begins.
        begun = sorted_rows.filter(**{f"{name}__{further}e": value})
        return begun.filter(Q(**{f"{name}__{further}": value}) | Q(**{name: value, f"id__{further}": last}))
    except (BadSignature, FieldError, KeyError, TypeError, ValidationError, ValueError):
        return sorted_rows


def _token(row: Model, order: str) -> str:
    value: Any = row
    for part in order.removeprefix("-").split("__"):
        value = getattr(value, part)
    if isinstance(value, timedelta):
        value = {_SECONDS: value.total_seconds()}
    return _signer.sign(json.dumps([value, row.pk], cls=DjangoJSONEncoder))


@dataclass(slots=True)
class _Line:
    """What the csv module writes to; keeps the last line only."""

    text: str = field(default="")

    def write(self, text: str) -> None:
        self.text = text


def _csv_lines(heading: list[str], rows: Iterable[list[Any]]) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line)
    yield "\ufeff"  # spreadsheets read accents only with it
    for values in itertools.chain([heading], rows):
        writer.writerow(values)
        yield line.text


def _plain(value: Any) -> Any:
    """A value as CSV writes it; text that a spreadsheet would take for a formula is defused."""
    text = value.isoformat() if hasattr(value, "isoformat") else value
    return f"'{text}" if isinstance(text, str) and text[:1] in "=+-@\t\r" and text else text
