"""The release gate as data: the rules a produced file must meet before it leaves by itself, as an export says them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Option, Path, Section

NOT_A_SHARE = Problem(
    "export.not_a_percentage", "{where}: this must be a whole percentage from 0 to 100.", "Write it as {{email: 5}}."
)


@dataclass(frozen=True, slots=True)
class HoldRules:
    """When a file waits for a person; None asks nothing. `empty_over` and `repeated_over` give a percentage by field."""

    rows_under: int | None = None
    rows_over: int | None = None
    rows_change: int | None = None
    bytes_under: int | None = None
    bytes_over: int | None = None
    seconds_under: int | None = None
    empty_over: Mapping[str, int] | None = None
    repeated_over: Mapping[str, int] | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, Any] | None) -> Self | None:
        """The rules from what `read` returned for `HOLD`; None when nothing is asked."""
        rules = cls(**values) if values else None
        return rules if rules != cls() else None


def _check_shares(value: Mapping[str, Any], path: Path) -> None:
    for name, share in value.items():
        if not isinstance(share, int) or isinstance(share, bool) or not 0 <= share <= 100:
            raise DefinitionError(NOT_A_SHARE, (*path, str(name)))


HOLD = Section(
    "hold",
    "When the file waits for a person before it leaves.",
    (
        Option("rows_under", "Hold a file of fewer rows.", "integer", least=0, label="Fewer rows than"),
        Option("rows_over", "Hold a file of more rows.", "integer", least=0, label="More rows than"),
        Option(
            "rows_change",
            "Hold a file whose number of rows differs from the usual of the same weekday by more than so many percent.",
            "integer",
            least=1,
            label="Change from the usual number of rows, in percent",
        ),
        Option("bytes_under", "Hold a file of fewer bytes.", "integer", least=0, label="Fewer bytes than"),
        Option("bytes_over", "Hold a file of more bytes.", "integer", least=0, label="More bytes than"),
        Option(
            "seconds_under",
            "Hold a file that was made in fewer seconds: a source that answers too fast may not have answered in full.",
            "integer",
            least=1,
            label="Made in fewer seconds than",
        ),
        Option(
            "empty_over",
            "Hold a file in which a field is empty in more than so many percent of the rows: the field, then the percentage.",
            kind="mapping",
            label="Empty values, in percent",
            check=_check_shares,
        ),
        Option(
            "repeated_over",
            "Hold a file in which over so many percent of the rows repeat a field's value: the field, then the percentage.",
            kind="mapping",
            label="Repeated values, in percent",
            check=_check_shares,
        ),
    ),
)
