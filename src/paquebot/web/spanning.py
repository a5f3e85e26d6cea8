"""A list narrowed to a span of days: `from` and `to` in the address, both included, on the calendar of the project.

A day that is none is told beside its field, and what was typed is kept; the list is then not narrowed by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from paquebot.language import translatable

FROM, TO = "from", "to"
NO_DAY = translatable("“{written}” is no day. Write year, month and day, such as 2026-11-24.")
BACKWARDS = translatable("The last day is before the first.")


@dataclass(frozen=True, slots=True)
class Span:
    """A parameter of a list: its label, and the moment of the query it narrows by."""

    label: str
    field: str

    def read(self, request: HttpRequest) -> Days:
        """What the address says."""
        first, last = (request.GET.get(name, "").strip()[:40] for name in (FROM, TO))
        return Days(self, first, last)


@dataclass(slots=True)
class Days:
    """The days that were written, read as far as they can be."""

    span: Span
    first: str
    last: str

    @property
    def label(self) -> str:
        return gettext(self.span.label)

    @property
    def first_error(self) -> str:
        return _wrong(self.first)

    @property
    def last_error(self) -> str:
        first, last = _day(self.first), _day(self.last)
        return _wrong(self.last) or (gettext(BACKWARDS) if first and last and last < first else "")

    @property
    def wrong(self) -> bool:
        return bool(self.first_error or self.last_error)

    @property
    def begins(self) -> date | None:
        return None if self.first_error else _day(self.first)

    @property
    def ends(self) -> date | None:
        return None if self.last_error else _day(self.last)

    def apply(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of those days."""
        if self.begins:
            rows = rows.filter(**{f"{self.span.field}__gte": _midnight(self.begins)})
        if self.ends:
            rows = rows.filter(**{f"{self.span.field}__lt": _midnight(self.ends + timedelta(days=1))})
        return rows


def _wrong(written: str) -> str:
    return gettext(NO_DAY).format(written=written) if written and _day(written) is None else ""


def _day(written: str) -> date | None:
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return None
    return day if 1970 <= day.year <= 9990 else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))
