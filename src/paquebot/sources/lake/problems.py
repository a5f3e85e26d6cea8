"""What can go wrong while a lake is read, on either side of the sandbox's wall.

The child names a problem by its constant here and gives its parameters; it never sends text to be shown as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from paquebot.errors import Problem, SourceError
from paquebot.options import nearest
from paquebot.sources.lake.duck import EXTENSION_MISSING, EXTENSION_UNUSABLE

UNKNOWN_TABLE = Problem(
    "source.unknown_table",
    "The project has no table “{table}” at the snapshot to be read.",
    "Did you mean “{nearest}”? Tables of this project: {known}.",
)
UNKNOWN_FIELD = Problem(
    "source.unknown_field",
    "The table “{table}” has no field “{field}” at the snapshot to be read.",
    "Did you mean “{nearest}”? Fields of this table: {known}.",
)
UNKNOWN_FIELD_IN_QUERY = Problem(
    "query.unknown_field",
    "The query uses the field “{field}”, which none of its tables has.",
    "Did you mean “{nearest}”? Fields that look alike: {known}.",
)
DUPLICATE_COLUMN = Problem(
    "query.duplicate_column",
    "The query gives the name “{column}” to two of its columns.",
    "Give each column a name of its own with AS.",
)
NOT_UNDERSTOOD = Problem(
    "query.not_understood",
    "The query cannot be carried out as it is written: {reason}",
    "Correct the query. An explicit CAST often helps where types do not agree.",
)
VALUE_REFUSED = Problem(
    "query.value_refused",
    "A value in the tables cannot be turned into {kind} as the query asks.",
    "Use TRY_CAST, which gives NULL for such values, or leave them out with WHERE.",
)
TOO_MUCH_MEMORY = Problem(
    "query.too_costly",
    "Reading needs more room than the {megabytes} MB of memory and {spill} MB of disk it may use.",
    "Read fewer rows or fields, join on a key, or ask an administrator for higher limits.",
)
TOO_SLOW = Problem(
    "query.too_costly",
    "Reading takes more than the {seconds} seconds of computing it may use.",
    "Read fewer rows, join on a key, or ask an administrator for higher limits.",
)
SNAPSHOT_GONE = Problem(
    "source.snapshot_gone",
    "Snapshot {snapshot} of the project's data is no longer there.",
    "Make the export again with today's data.",
)
FILES_GONE = Problem(
    "source.snapshot_gone",
    "A data file of the snapshot to be read is no longer there.",
    "Make the export again with today's data. If it happens again, the project's data folder was altered: restore it.",
)
ROWS_IN_CATALOGUE = Problem(
    "source.rows_in_catalogue",
    "The table “{table}” keeps rows in its catalogue instead of data files, which cannot be read in the sandbox.",
    "Import the table again with Paquebot, which writes data files only.",
)
FILE_ELSEWHERE = Problem(
    "source.file_elsewhere",
    "The catalogue of the project's data names a file outside the project's data folder.",
    "Somebody altered the catalogue, or the data folder was moved in part: restore both from the same backup.",
)
READER_LOST = Problem(
    "source.reader_lost",
    "The process that reads the rows ended before it was done.",
    "Try again. If it happens again, look whether the machine runs out of memory.",
    retryable=True,
)
READING_FAILED = Problem(
    "source.reading_failed",
    "The rows could not be read: {kind}.",
    "Try again. If it happens again, the data files or the disk may be damaged; please report it.",
    retryable=True,
)

_OF_THE_CHILD = {
    "EXTENSION_MISSING": EXTENSION_MISSING,
    "EXTENSION_UNUSABLE": EXTENSION_UNUSABLE,
    "UNKNOWN_FIELD_IN_QUERY": UNKNOWN_FIELD_IN_QUERY,
    "DUPLICATE_COLUMN": DUPLICATE_COLUMN,
    "NOT_UNDERSTOOD": NOT_UNDERSTOOD,
    "VALUE_REFUSED": VALUE_REFUSED,
    "TOO_MUCH_MEMORY": TOO_MUCH_MEMORY,
    "TOO_SLOW": TOO_SLOW,
    "FILES_GONE": FILES_GONE,
    "READER_LOST": READER_LOST,
    "READING_FAILED": READING_FAILED,
}
_NAMES = {id(problem): name for name, problem in _OF_THE_CHILD.items()}

_MISSING_FIELD = re.compile(
    r'(?:Referenced column|column named|Column) "([^"\n]{1,200})"'
    r"(?: (?:was )?not found| does not exist| in (?:EXCLUDE|REPLACE) list|\n|$)"
)
_KIND_OF_VALUE = re.compile(r"to ([A-Z][A-Z0-9_ ]{1,40}(?:\(\d+,\d+\))?)")
_QUOTED = re.compile(r"'(?![\w$]+\([\w$, \[\]().]*\)')[^']*'")
_CLOCKED_OUT = (duckdb.InterruptException,)
_MEMORY = (duckdb.OutOfMemoryException, MemoryError)
_STATIC = (duckdb.BinderException, duckdb.CatalogException, duckdb.ParserException, duckdb.NotImplementedException)
_VALUES = (duckdb.ConversionException, duckdb.OutOfRangeException, duckdb.InvalidInputException)


def translate(error: BaseException, limits: Mapping[str, Any], fields: Sequence[str]) -> SourceError:
    """What a failure of DuckDB means to a person. Nothing of the data is in it.

    Foreign text is used only where it was made from the statement alone, and then without what stands between quotes.
    `fields` are those of the tables that are read.
    """
    if isinstance(error, _CLOCKED_OUT):
        return SourceError(TOO_SLOW, seconds=limits["timeout_seconds"])
    if isinstance(error, _MEMORY) or (isinstance(error, duckdb.IOException) and "File too large" in str(error)):
        return SourceError(TOO_MUCH_MEMORY, megabytes=limits["memory_mb"], spill=limits["spill_mb"])
    if isinstance(error, _STATIC):
        return _unbindable(str(error), fields)
    if isinstance(error, _VALUES):
        found = _KIND_OF_VALUE.search(str(error))
        return SourceError(VALUE_REFUSED, kind=found.group(1).strip() if found else "another type")
    if isinstance(error, (duckdb.IOException, FileNotFoundError)) and "No such file" in str(error):
        return SourceError(FILES_GONE)
    return SourceError(READING_FAILED, kind=type(error).__name__)


def pack(error: SourceError, others: Mapping[str, Problem] | None = None) -> dict[str, Any]:
    """The problem as it passes through the wall; `others` are known on both sides, too."""
    beside = next((name for name, problem in (others or {}).items() if problem is error.problem), None)
    name = beside or _NAMES.get(id(error.problem))
    return {"failed": name or "READING_FAILED", "parameters": error.parameters if name else {"kind": error.code}}


def unpack(message: Mapping[str, Any], others: Mapping[str, Problem] | None = None) -> SourceError:
    """The problem the child named; one it cannot know, or with parameters that do not fit, means that it was lost."""
    problem = {**_OF_THE_CHILD, **(others or {})}.get(str(message.get("failed")), READER_LOST)
    parameters = message.get("parameters")
    error = SourceError(problem, **(parameters if isinstance(parameters, dict) else {}))
    try:
        _ = error.message, error.hint
    except (KeyError, IndexError, ValueError):
        return SourceError(READER_LOST)
    return error


def _unbindable(text: str, fields: Sequence[str]) -> SourceError:
    found = _MISSING_FIELD.search(text)
    if found:
        field = found.group(1)
        known = re.findall(r'"([^"\n]{1,200})"', text.partition("Candidate")[2].partition("\n")[0]) or list(fields)
        return SourceError(UNKNOWN_FIELD_IN_QUERY, field=field, nearest=nearest(field, known), known=known)
    first = text.partition("\n")[0].partition(": ")[2] or text.partition("\n")[0]
    return SourceError(NOT_UNDERSTOOD, reason=_QUOTED.sub("…", first)[:200])
