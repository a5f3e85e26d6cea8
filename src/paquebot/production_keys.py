"""The keys by which an export says how its file is produced."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Option, Path, Section, describe_path

COMPLETE, CHANGES = "complete", "changes"
NUMBER = "number"
"""A file whose name is taken gets another one."""
COLUMN, FILES = "column", "files"
"""Where it is said what became of a row: in a column, or by the file it stands in."""
ADDED, CHANGED, REMOVED = "added", "changed", "removed"
OPERATIONS = (ADDED, CHANGED, REMOVED)
"""What may have become of a row, in the order their words are written."""

BAD_OPERATION_WORDS = Problem(
    "definition.bad_operation_words",
    "{where}: “{value}” does not give three different words for added, changed and removed.",
    "Write them with slashes between, such as “added/changed/removed” or “I/U/D”; in names of files they are letters, digits, "
    "“-” and “_”.",
)
BAD_OPERATION_COLUMN = Problem(
    "definition.bad_operation_column",
    "{where}: “{value}” cannot be the name of a column.",
    "Write 1 to 80 characters on one line.",
)
QUERY_NEEDS_KEY = Problem(
    "export.query_needs_key",
    "{where}: only what changed is to leave, and the result of a query has no key of its own.",
    "Name the columns that tell each row from the others, such as “key: [code]”.",
)
TABLE_NEEDS_KEY = Problem(
    "export.table_needs_key",
    "{where}: only what changed is to leave, and the table “{table}” has no key.",
    "Name the columns that tell each row from the others, such as “key: [code]”.",
)
KEY_STAYS = Problem(
    "export.key_stays",
    "{where}: only what changed is to leave, and the column “{column}” of the key is not among the exported fields.",
    "Export it too: without it nobody could tell which row was changed or removed. It may be obfuscated.",
)
CHANGES_TO_TABLE = Problem(
    "export.changes_to_table",
    "{where}: only what changed can leave as files, and this destination keeps rows in a table.",
    "Export everything; a table that is updated by key takes over what changed by itself.",
)
OF_CHANGES_ALONE = Problem(
    "export.of_changes_alone",
    "{where}: “{key}” means something only where nothing but what changed leaves.",
    "Remove it, or write “mode: changes”.",
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _check_words(value: str, path: Path) -> None:
    words = value.split("/")
    if len(words) != len(OPERATIONS) or not all(words) or len(set(words)) != len(words) or _CONTROL.search(value):
        raise DefinitionError(BAD_OPERATION_WORDS, path, value=value)


def _check_words_of_names(value: str, path: Path) -> None:
    """No server takes two names for one because the case of letters alone tells them apart."""
    words = value.split("/")
    if not all(re.fullmatch(r"[\w-]{1,40}", word) for word in words) or len({word.casefold() for word in words}) != len(words):
        raise DefinitionError(BAD_OPERATION_WORDS, path, value=value)


def _check_column(value: str, path: Path) -> None:
    if not value.strip() or len(value) > 80 or _CONTROL.search(value):
        raise DefinitionError(BAD_OPERATION_COLUMN, path, value=value)


@dataclass(frozen=True, slots=True)
class ProductionOptions:
    """`key` empty means that of the table."""

    mode: str = COMPLETE
    key: tuple[str, ...] = ()
    complete_every: int | None = None
    operation_as: str = COLUMN
    operation_column: str = "operation"
    operation_words: str = "added/changed/removed"
    when_empty: str = "header_only"
    if_exists: str = "replace"
    order: str = "key"
    twice: bool = False
    rows_per_part: int | None = None
    bytes_per_part: int | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> ProductionOptions:
        """From what the section `production` reads as."""
        return cls(**{**values, "key": tuple(values.get("key") or ())})

    def to_document(self) -> dict[str, Any]:
        """As `from_values` takes it; what only changes need is left out where everything leaves."""
        written = meaningful({**dataclasses.asdict(self), "key": list(self.key)})
        return {name: value for name, value in written.items() if value not in (None, [])}

    @property
    def words(self) -> dict[str, str]:
        """What the operation column says of each of `OPERATIONS`."""
        return dict(zip(OPERATIONS, self.operation_words.split("/"), strict=True))

    @property
    def is_apart(self) -> bool:
        """Whether rows that were added, changed and removed leave in a file each."""
        return self.mode == CHANGES and self.operation_as == FILES

    @property
    def is_cut(self) -> bool:
        """Whether a file of too many rows or bytes leaves in parts."""
        return bool(self.rows_per_part or self.bytes_per_part)


OF_CHANGES = ("key", "complete_every", "operation_as", "operation_column", "operation_words")
"""What means something only where nothing but changes leaves."""
_WITH_CHANGES = (f"mode={CHANGES}",)


def _check_production(values: Mapping[str, Any], path: Path) -> None:
    """What means nothing where everything leaves is refused, unless it says what it says by itself."""
    usual = ProductionOptions()
    for name in OF_CHANGES if values["mode"] == COMPLETE else ():
        if values[name] not in (None, [], getattr(usual, name)):
            raise DefinitionError(OF_CHANGES_ALONE, (*path, name), where=describe_path(path), key=name)
    if values["operation_as"] == FILES:
        _check_words_of_names(values["operation_words"], (*path, "operation_words"))


def check_changes(
    production: ProductionOptions, source: str, key: Collection[str], fields: Collection[str] | None, path: Path
) -> None:
    """Raises `DefinitionError` when only changes are to leave and rows cannot be told apart by what leaves of them.

    `key` and `fields` are those of the table `source`, as far as they are known; a query, which has none, is named “”.
    """
    if production.mode == COMPLETE:
        return
    here, key = (*path, "production", "key"), production.key or key
    if not key:
        raise DefinitionError(TABLE_NEEDS_KEY if source else QUERY_NEEDS_KEY, here, table=source)
    for column in key:
        if fields is not None and column not in fields:
            raise DefinitionError(KEY_STAYS, here, column=column)


def refuse_in_table(production: ProductionOptions, to_table: bool, path: Path) -> None:
    """Raises `DefinitionError` when only changes are to go to a table."""
    if production.mode == CHANGES and to_table:
        raise DefinitionError(CHANGES_TO_TABLE, (*path, "production", "mode"))


def meaningful(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` of production without those that mean nothing in its mode."""
    apart = OF_CHANGES if values.get("mode", COMPLETE) == COMPLETE else ()
    return {name: value for name, value in values.items() if name not in apart}


PRODUCTION = Section(
    "production",
    "How the file is produced.",
    (
        Option(
            "mode",
            "Everything, or only what changed.",
            label="Content",
            default=COMPLETE,
            choices=(COMPLETE, CHANGES),
            choice_labels=("Everything", "Only what changed"),
        ),
        Option(
            "key",
            "The columns that tell each row from the others; those of the table when left out. A query needs them.",
            label="Key",
            kind="list",
            only_with=_WITH_CHANGES,
        ),
        Option(
            "complete_every",
            "One file of so many holds all rows again; only the first does when left out.",
            label="A complete file every so many",
            kind="integer",
            least=1,
            most=1000,
            only_with=_WITH_CHANGES,
        ),
        Option(
            "operation_as",
            "A column says what became of each row, or rows stand in three files, told apart by “{operation}” in their names.",
            label="Added, changed and removed rows",
            default=COLUMN,
            choices=(COLUMN, FILES),
            choice_labels=("In one file, told by a column", "In a file each"),
            only_with=_WITH_CHANGES,
        ),
        Option(
            "operation_column",
            "The name of the column, behind the others, that says whether a row was added, changed or removed.",
            label="Name of the operation column",
            default="operation",
            only_with=_WITH_CHANGES,
            check=_check_column,
        ),
        Option(
            "operation_words",
            "What that column, or “{operation}” in names, says, in this order. A removed row has its key, and nothing else.",
            label="Words for added, changed and removed",
            default="added/changed/removed",
            only_with=_WITH_CHANGES,
            check=_check_words,
        ),
        Option(
            "when_empty",
            "What happens when there is nothing to export: a file with only its header, no file, or a failure.",
            default="header_only",
            choices=("header_only", "no_file", "failure"),
            label="When there is nothing to export",
            choice_labels=("A file with only its header", "No file", "A failure"),
        ),
        Option(
            "if_exists",
            "What happens when a file of that name is already there.",
            default="replace",
            choices=("replace", "refuse", NUMBER),
            label="When the name is already there",
            choice_labels=("Replace the file", "Refuse to send", "Number the new one"),
        ),
        Option(
            "order",
            "The order of the rows; by key, the same data always gives the same file.",
            default="key",
            choices=("key", "none"),
            label="Order of the rows",
            choice_labels=("By key", "As they come"),
        ),
        Option(
            "twice",
            "Whether the file is produced a second time from the same data and compared before anything is sent.",
            label="Produce twice and compare",
            kind="boolean",
            default=False,
        ),
        Option(
            "rows_per_part",
            "Files of at most so many rows each, numbered by “{part}” in their name; they get their names all together.",
            label="Rows per part",
            kind="integer",
            least=1,
            most=10**9,
        ),
        Option(
            "bytes_per_part",
            "Files of at most so many bytes each before compression and encryption, cut between two rows.",
            label="Bytes per part",
            kind="integer",
            least=1,
            most=10**13,
        ),
    ),
    check=_check_production,
)
