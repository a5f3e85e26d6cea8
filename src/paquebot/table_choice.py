"""The table the rows of an export go to, where its destination keeps rows and not files: the keys, and their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Option, Path, Section, describe_path

BAD_TABLE = Problem(
    "export.bad_table",
    "{where}: “{value}” cannot be the name of a table or a dataset.",
    "Use at most 100 letters without accents, digits and underscores.",
)
BAD_LABEL = Problem(
    "export.bad_label",
    "{where}: “{value}” cannot be a label.",
    "Write name:value, such as team:crm, in small letters, digits, hyphens and underscores, at most 63 each.",
)
TOO_MANY_CLUSTERS = Problem(
    "export.too_many_clusters",
    "{where}: rows cannot be kept together by {count} columns.",
    "Name at most {most}.",
)
KEY_WITHOUT_UPSERT = Problem(
    "export.needless_table_key",
    "{where}: “key” has a meaning only with “mode: upsert”.",
    "Remove “key”, or write “mode: upsert”.",
)
FOLDER_OF_ROWS = Problem(
    "export.folder_of_rows",
    "{where}: rows that go to a table have no folder.",
    "Remove “folder”; the dataset stands with the table.",
)
MOST_CLUSTERS = 4
_NAME = re.compile(r"\w{1,100}", re.ASCII)
_LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}:[a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class TableChoice:
    """`key` empty means that of the exported table; `dataset` None the destination's own. A label is written `name:value`."""

    name: str
    dataset: str | None = None
    mode: str = "replace"
    key: tuple[str, ...] = ()
    new_columns: str = "add"
    partition_by: str | None = None
    partition_unit: str = "day"
    cluster_by: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> TableChoice:
        """From what `read` returned for `TABLE`."""
        lists = {name: tuple(values[name] or ()) for name in ("key", "cluster_by", "labels")}
        return cls(**{**values, **lists})


def check_destination(values: Mapping[str, Any], path: Path) -> None:
    """Raises `DefinitionError` when both a folder and a table are named."""
    if values["table"] and values["folder"]:
        raise DefinitionError(FOLDER_OF_ROWS, (*path, "folder"), where=describe_path(path))


def _check_name(value: str, path: Path) -> None:
    if not _NAME.fullmatch(value):
        raise DefinitionError(BAD_TABLE, path, value=value)


def _check_labels(value: list[str], path: Path) -> None:
    for label in value:
        if not _LABEL.fullmatch(label):
            raise DefinitionError(BAD_LABEL, path, value=label)


def _check_clusters(value: list[str], path: Path) -> None:
    if len(value) > MOST_CLUSTERS:
        raise DefinitionError(TOO_MANY_CLUSTERS, path, count=len(value), most=MOST_CLUSTERS)


def _check_table(values: Mapping[str, Any], path: Path) -> None:
    if values["key"] and values["mode"] != "upsert":
        raise DefinitionError(KEY_WITHOUT_UPSERT, (*path, "key"), where=describe_path(path))


TABLE = Section(
    "table",
    "The table the rows go to, where the destination keeps rows: Google BigQuery.",
    (
        Option(
            "name",
            "Its name in the dataset; it is made when it is not there yet.",
            label="Table",
            required=True,
            check=_check_name,
        ),
        Option("dataset", "Another dataset than that of the destination.", label="Dataset", check=_check_name),
        Option(
            "mode",
            "What becomes of the rows that are there.",
            label="Rows that are there",
            default="replace",
            choices=("replace", "append", "upsert"),
            choice_labels=(
                "Replace all of them",
                "Keep them, and append",
                "Update those with the same key, and add the others",
            ),
        ),
        Option(
            "key",
            "The columns that tell one row from another; those of the exported table when left out.",
            label="Key",
            kind="list",
            alone=True,
        ),
        Option(
            "new_columns",
            "What happens with columns of the export that the table does not have.",
            label="New columns",
            default="add",
            choices=("add", "leave_out", "refuse"),
            choice_labels=("Add them to the table", "Leave them out", "Fail, and let somebody decide"),
        ),
        Option(
            "partition_by",
            "A column of dates or moments by which the table is divided; counts when the table is made.",
            label="Divided by",
        ),
        Option(
            "partition_unit",
            "How large the divisions are.",
            label="Size of a division",
            default="day",
            choices=("day", "hour", "month", "year"),
            choice_labels=("Day", "Hour", "Month", "Year"),
        ),
        Option(
            "cluster_by",
            "Up to four columns by which rows are kept together; counts when the table is made.",
            label="Kept together by",
            kind="list",
            alone=True,
            check=_check_clusters,
        ),
        Option(
            "labels",
            "Labels for the table and its jobs, such as team:crm; they stand on the bill.",
            label="Labels",
            kind="list",
            alone=True,
            check=_check_labels,
        ),
    ),
    check=_check_table,
)
