"""Values as text, computed by DuckDB: one SQL expression per column, never a Python call per value.

Promise: without options a value is written so that it reads back: a decimal keeps its scale, a double is the shortest that
reads back, dates and times are ISO 8601, booleans `true` and `false`. Options change how it looks, never what it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Rendering:
    """How values look. Patterns are those of `strftime`; an empty one means ISO 8601 with `separator` before the time."""

    decimal_mark: str = "."
    trailing_zeros: bool = True
    dates: str = ""
    times: str = ""
    booleans: str = "true/false"
    separator: str = " "

    @classmethod
    def of(cls, options: Mapping[str, Any], separator: str = " ") -> Rendering:
        """From the options of a format, which may offer but some of them."""
        known = ("decimal_mark", "trailing_zeros", "dates", "times", "booleans")
        return cls(**{name: options[name] for name in known if options.get(name) is not None}, separator=separator)

    def text(self, column: str, kind: pa.DataType) -> str:
        """SQL for the value as text; null stays null."""
        import pyarrow as pa

        is_a = pa.types
        if is_a.is_string(kind):
            return column
        if is_a.is_boolean(kind):
            yes, no = self.booleans.split("/")
            return f"CASE WHEN {column} THEN {literal(yes)} WHEN NOT {column} THEN {literal(no)} END"
        if is_a.is_decimal(kind) or is_a.is_floating(kind):
            return self._number(column, kind)
        if is_a.is_date(kind):
            return f"strftime({column}, {literal(self.dates)})" if self.dates else varchar(column)
        if is_a.is_timestamp(kind):
            return self._timestamp(column, kind)
        return varchar(column)

    def alphabet(self, kind: pa.DataType) -> str:
        """The characters, beside letters and digits, that a value which is not text may be written with."""
        import pyarrow as pa

        is_a = pa.types
        if is_a.is_nested(kind):
            return ",;|\t"
        if is_a.is_boolean(kind):
            return self.booleans
        if is_a.is_decimal(kind) or is_a.is_floating(kind):
            return self.decimal_mark
        return self.dates if is_a.is_date(kind) else self.times if is_a.is_timestamp(kind) else ""

    def _number(self, column: str, kind: pa.DataType) -> str:
        import pyarrow as pa

        text = varchar(column)
        if not self.trailing_zeros and not (pa.types.is_decimal(kind) and kind.scale <= 0):
            # Only what stands after a point may go, and never the zeros of an exponent.
            text = f"regexp_replace({text}, '\\.0+$|(\\.\\d*[1-9])0+$', '\\1')"
        return f"replace({text}, '.', {literal(self.decimal_mark)})" if self.decimal_mark != "." else text

    def _timestamp(self, column: str, kind: pa.TimestampType[Any, Any]) -> str:
        if self.times:
            return f"strftime(CAST({column} AS TIMESTAMP), {literal(self.times)})"
        text = varchar(column)
        if self.separator == " ":
            return text
        iso = f"replace({text}, ' ', {literal(self.separator)})"
        return f"replace({iso}, '+00', 'Z')" if kind.tz else iso


def varchar(column: str) -> str:
    return f"CAST({column} AS VARCHAR)"


def literal(text: str) -> str:
    """`text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"
