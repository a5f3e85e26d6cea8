"""The unsubscribe clock as data: by which field people opt out, and how long a destination may go without knowing.

An export carries opt-outs when what it sends shows them: the field itself, a criterion over it, or a query that names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from paquebot.criteria import conditions
from paquebot.export import CONTACTS, QUERY, ExportDefinition
from paquebot.options import Option, Section

CONSENT = Section(
    "consent",
    "The field by which people opt out; each destination is timed from the opt-out to the delivery that tells of it.",
    (
        Option("table", "The table the field is in; the contact list when left out.", label="Table", default=""),
        Option("field", "The field that says whether somebody opted out.", label="Field", required=True),
        Option(
            "opted_out",
            "The values of the field that mean “opted out”.",
            label="Values that mean opted out",
            kind="list",
            alone=True,
            required=True,
        ),
        Option(
            "ceiling_hours",
            "After how many hours a destination that does not know is told as late; without it, it is shown and never told.",
            label="At most so many hours",
            kind="integer",
            least=1,
            most=8760,
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Consent:
    """`table` empty means the contact list. A value is compared as text, whatever its case."""

    field: str
    opted_out: tuple[str, ...]
    table: str = ""
    ceiling_hours: int | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, Any] | None) -> Self | None:
        """From what the section reads as, or from `to_document`; None when nothing is named."""
        if not values:
            return None
        return cls(**{**values, "opted_out": tuple(str(value).strip().lower() for value in values["opted_out"])})

    def to_document(self) -> dict[str, Any]:
        return {**asdict(self), "opted_out": list(self.opted_out)}

    def carried_by(self, definition: ExportDefinition, contact_list: str, sql: str) -> bool:
        """Whether the export's files show who opted out; `sql` is that of its query, where it has one."""
        content, table = definition.content, self.table or contact_list
        if content.kind == QUERY:
            return _names(sql, self.field)
        if content.where and any(asked.field == self.field for _, asked in conditions(content.where)):
            return True
        is_there = table == (contact_list if content.kind == CONTACTS else content.name)
        return is_there and (content.fields is None or self.field in content.fields)


def _names(sql: str, field: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(field)}(?!\w)", sql, re.IGNORECASE) is not None
