"""What Paquebot asks of a MySQL or MariaDB: criteria, parameters and added columns in its dialect.

Promise: no value stands in a statement. Each is bound to a variable of the session (`@paquebot_c1`), which the statement reads.
Text is compared byte for byte, whatever the collation: MySQL's own comparisons take `a` for `A`, and `a` for `a `.
"""

# ruff: noqa: S608
# Names are quoted, and stand in the catalogue.

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from paquebot import criteria
from paquebot.errors import SourceError
from paquebot.sources.lake.statement import UNKNOWN_PARAMETER
from paquebot.sources.outside.adding import Expressions
from paquebot.sources.outside.problems import BEYOND_READING
from paquebot.sources.selecting import Compiler, Statement, Value

_NUMBER = "DECIMAL(65, 30)"
_WHOLE = range(-(2**63), 2**63)
_LIST_BYTES = 1 << 20
"""Of one list that is bound: a server takes 16 MB at once, and each byte travels as two."""
_PIECES = re.compile(
    r"""(?P<kept>'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*`
        | --(?=[\s\x00-\x1f]|$)[^\n]* | \#[^\n]* | (?P<executed>/\*M?!) | /\*.*?\*/)
    | (?<![\w$@`])\$(?P<name>[A-Za-z_]\w*)""",
    re.VERBOSE | re.DOTALL,
)
_REFUSED = re.compile(
    r"\b(for\s+update|for\s+share|lock\s+in\s+share\s+mode)\b"
    r"|\b(load_file|sleep|benchmark|get_lock|release_lock|release_all_locks)\s*\(",
    re.IGNORECASE,
)
"""A read-only transaction lets these pass. Interrupted, SLEEP and BENCHMARK give a value as if nothing had happened."""
_ORDERED = re.compile(r"\border\s+by\b", re.IGNORECASE)
_LIMITED = re.compile(r"\b(limit|fetch|offset)\b", re.IGNORECASE)
_PARAMETER_TYPES = {"run_date": "DATE", "since": "DATETIME(6)"}


def identifier(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def variable(name: str) -> str:
    return f"@paquebot_{name}"


class MysqlCompiler(Compiler):
    """Criteria in the dialect of MySQL and MariaDB. Text is an operand of bytes in UTF-8."""

    __slots__ = ()

    def same(self, expression: str, kind: str) -> str:
        return self.as_text(expression) if kind == criteria.TEXT else expression

    def as_text(self, expression: str) -> str:
        return f"CAST(CONVERT({expression} USING utf8mb4) AS BINARY)"

    def among(self, expression: str, values: list[Any]) -> str:
        parts = [f"{expression} IN (SELECT item FROM {self._listed(part)})" for part in _parted(values)]
        return f"({' OR '.join(parts)})" if parts else "FALSE"

    def search(self, operator: str, name: str, value: str) -> str:
        within, sought = _folded(name), _folded(self.bind(value))
        if operator == "contains":
            return f"(INSTR({within}, {sought}) > 0)"
        side = "LEFT" if operator == "starts_with" else "RIGHT"
        return f"({side}({within}, LENGTH({sought})) = {sought})"

    def plain(self, name: str, operator: str, values: tuple[Any, ...]) -> str:
        if operator == "!=":
            return f"(NOT ({name} <=> {self.bind(values[0])}))"
        return super().plain(name, operator, values)

    def bind(self, value: Value) -> str:
        name = variable(self._kept(value))
        if isinstance(value, date):
            return f"CAST({name} AS DATE)"
        if isinstance(value, int):
            return f"CAST({name} AS {'SIGNED' if value in _WHOLE else _NUMBER})"
        return self.as_text(name) if isinstance(value, str) else f"CAST({name} AS {_NUMBER})"

    def _listed(self, values: list[Any]) -> str:
        """The values as a table of one column, `item`."""
        texts = [str(value) for value in values]
        name = variable(self._kept(json.dumps(texts, ensure_ascii=False)))
        if any(isinstance(value, str) for value in values):
            kind, item = f"VARCHAR({max(1, *map(len, texts))}) CHARACTER SET utf8mb4", self.as_text("listed.item")
        else:
            kind, item = _NUMBER, "listed.item"
        return f"(SELECT {item} AS item FROM JSON_TABLE({name}, '$[*]' COLUMNS (item {kind} PATH '$')) AS listed) AS items"

    def _kept(self, value: Value) -> str:
        name = f"c{len(self.parameters) + 1}"
        self.parameters[name] = value
        return name


def with_parameters(sql: str, values: Mapping[str, Any]) -> Statement:
    """A person's query whose `$run_date` and `$since` read their variables. Raises `SourceError` for other parameters, and for
    what reads no table: locks, files of the server, comments that are carried out."""
    code = _PIECES.sub(_without_what_is_quoted, sql)
    refused = _REFUSED.search(code)
    if refused:
        raise SourceError(BEYOND_READING, construct=" ".join(refused[0].rstrip("(").split()).upper())

    def read(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        if name not in values or name not in _PARAMETER_TYPES:
            raise SourceError(UNKNOWN_PARAMETER, parameter=name, known=[f"${known}" for known in sorted(values)])
        return f"CAST({variable(name)} AS {_PARAMETER_TYPES[name]})"

    return Statement(_PIECES.sub(read, sql.strip().rstrip(";")), values)


def without_literals(sql: str) -> str:
    """The statement with a space in place of what stands between quotes, and of comments."""
    return _PIECES.sub(lambda found: found[0] if found["name"] or found["executed"] else " ", sql)


def keeping_order(sql: str) -> str:
    """The query, that keeps its order where it stands in the place of a table: a server passes over an ORDER BY there, unless a
    LIMIT stands beside it."""
    outer = without_literals(sql)
    while outer != (shorter := re.sub(r"\([^()]*\)", " ", outer)):
        outer = shorter
    return f"{sql}\nLIMIT {2**64 - 1}" if _ORDERED.search(outer) and not _LIMITED.search(outer) else sql


EXPRESSIONS = Expressions(
    identifier, lambda name: f"CONVERT({variable(name)} USING utf8mb4)", without_literals, with_parameters
)


def bound(value: Any) -> str | None:
    """A value as its variable holds it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    return None if value is None else str(value)


def _without_what_is_quoted(found: re.Match[str]) -> str:
    if found["executed"]:
        raise SourceError(BEYOND_READING, construct="/*! … */")
    return "``" if found[0].startswith("`") else " "


def _parted(values: list[Any]) -> Iterator[list[Any]]:
    part: list[Any] = []
    size = 0
    for value in values:
        part.append(value)
        size += len(str(value).encode()) + 3
        if size >= _LIST_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part


def _folded(text: str) -> str:
    return f"CAST(LOWER(CONVERT({text} USING utf8mb4)) AS BINARY)"
