"""The keys by which an export says how its file is produced."""

from __future__ import annotations

from dataclasses import dataclass

from paquebot.options import Option, Planned, Section


@dataclass(frozen=True, slots=True)
class ProductionOptions:
    mode: str = "complete"
    when_empty: str = "header_only"
    if_exists: str = "replace"
    order: str = "key"
    twice: bool = False


PRODUCTION = Section(
    "production",
    "How the file is produced.",
    (
        Option(
            "mode",
            "Everything, or only what changed.",
            label="Content",
            default="complete",
            choices=("complete",),
            choice_labels=("Everything",),
            planned_choices=("changes",),
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
            choices=("replace", "refuse"),
            label="When the name is already there",
            choice_labels=("Replace the file", "Refuse to send"),
            planned_choices=("number",),
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
        Planned("rows_per_part"),
        Planned("bytes_per_part"),
    ),
)
