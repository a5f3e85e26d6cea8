"""What Paquebot asks of a PostgreSQL: criteria and parameters in its dialect, the selection of a table.

Promise: no value stands in a statement. `COPY` takes no parameters, so each value is bound to a setting of the transaction
(`paquebot.c1`), which the statement reads once.
"""

# Names are quoted, and stand in the catalogue.

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from paquebot import criteria
from paquebot.errors import SourceError
from paquebot.sources.lake.statement import UNKNOWN_PARAMETER
from paquebot.sources.outside.adding import Expressions
from paquebot.sources.selecting import Compiler, Statement, Value

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_NOT_PARAMETERS = r"""
    [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/
    | (?<![\w$])\$\$.*?\$\$ | (?<![\w$])\$(?P<tag>[A-Za-z_]\w*)\$.*?\$(?P=tag)\$
"""
_PIECES = re.compile(rf"{_NOT_PARAMETERS} | (?<![\w$])\$(?P<name>[A-Za-z_]\w*)", re.VERBOSE | re.DOTALL)
_PARAMETER_TYPES = {"run_date": "date", "since": "timestamptz"}


def identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def text_setting(name: str) -> str:
    """The text bound as `name`; an empty text is a value, not the absence of one."""
    return f"(SELECT current_setting('paquebot.{name}'))"


def setting(name: str, kind: str) -> str:
    """The value bound as `name`, read once for the whole statement."""
    return f"(SELECT nullif(current_setting('paquebot.{name}'), '')::{kind})"


class PostgresqlCompiler(Compiler):
    """Criteria in PostgreSQL's dialect."""

    __slots__ = ()

    def same(self, expression: str, kind: str) -> str:
        return f"{expression}::text" if kind == criteria.TEXT else expression

    def as_text(self, expression: str) -> str:
        return f"({expression})::text"

    def among(self, expression: str, values: list[Any]) -> str:
        name = self._kept(values)
        kinds = {_type_of(value) for value in values} or {"text"}
        kind = kinds.pop() if len(kinds) == 1 else "numeric"  # whole numbers, some of them larger than a bigint
        return f"{expression} IN (SELECT unnest(current_setting('paquebot.{name}')::{kind}[]))"

    def search(self, operator: str, name: str, value: str) -> str:
        sought = f"lower({self.bind(value)})"
        if operator == "contains":
            return f"(position({sought} IN lower({name})) > 0)"
        if operator == "starts_with":
            return f"starts_with(lower({name}), {sought})"
        return f"(right(lower({name}), char_length({sought})) = {sought})"

    def bind(self, value: Value) -> str:
        name = self._kept(value)
        if isinstance(value, str):
            return text_setting(name)
        return setting(name, _type_of(value))

    def _kept(self, value: Value) -> str:
        name = f"c{len(self.parameters) + 1}"
        self.parameters[name] = value
        return name


def with_parameters(sql: str, values: Mapping[str, Any]) -> Statement:
    """A person's query whose `$run_date` and `$since` read their settings. Raises `SourceError` for other parameters."""

    def read(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        if name not in values or name not in _PARAMETER_TYPES:
            raise SourceError(UNKNOWN_PARAMETER, parameter=name, known=[f"${known}" for known in sorted(values)])
        return setting(name, _PARAMETER_TYPES[name])

    return Statement(_PIECES.sub(read, sql.strip().rstrip(";")), values)


def without_literals(sql: str) -> str:
    """The statement with a space in place of what stands between quotes, and of comments."""
    return _PIECES.sub(lambda found: found[0] if found["name"] else " ", sql)


EXPRESSIONS = Expressions(
    identifier,
    text_setting,
    without_literals,
    with_parameters,
    around="CASE WHEN true THEN (\n{}\n) END",  # within CASE the server refuses what makes several rows of one
)


def written(value: Any) -> str | list[str]:
    """A value as a setting holds it; a list as the texts of its items."""
    if isinstance(value, list):
        return [str(written(item)) for item in value]
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def _type_of(value: Any) -> str:
    if isinstance(value, date):
        return "date"
    if isinstance(value, int):
        return "bigint" if _SMALLEST <= value <= _LARGEST else "numeric"
    return "numeric" if isinstance(value, Decimal) else "text"
