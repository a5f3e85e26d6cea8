"""The confirmation file of an export, as data: where it stands, how it is written, and what it tells in which order.

A template is text in which `{sha256}` stands for what the confirmation knows by that name; times take a pattern, as in
`{finished_at:%Y%m%d}`. It is parsed, never evaluated, and a name that is not known is refused while it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from paquebot.errors import Problem
from paquebot.file_keys import DIRECTIVES
from paquebot.language import translatable
from paquebot.options import DefinitionError, Option, Path, Section, describe_path, nearest
from paquebot.place_keys import check_file_name, check_folder

CONTENT_LABELS: Mapping[str, str] = {
    "export": translatable("Export"),
    "run": translatable("Run"),
    "file_name": translatable("File name"),
    "remote_path": translatable("Path on the server"),
    "rows": translatable("Rows"),
    "size_bytes": translatable("Size"),
    "sha256": translatable("SHA-256"),
    "columns": translatable("Columns"),
    "format": translatable("Format"),
    "started_at": translatable("Start"),
    "finished_at": translatable("End"),
    "key_fingerprints": translatable("Fingerprints of the keys"),
    "project": translatable("Project"),
    "label": translatable("Name of the export"),
    "scheduled_for": translatable("Scheduled for"),
    "compression": translatable("Compression"),
    "plain_size_bytes": translatable("Size before compression and encryption"),
    "plain_sha256": translatable("SHA-256 before compression and encryption"),
    "verification": translatable("How it was compared"),
    "changes": translatable("Changes or all rows"),
}
"""What a confirmation may tell, in the order it is offered, and what people call it."""
CONFIRMATION_CONTENTS = tuple(CONTENT_LABELS)[:12]
"""What it tells when nobody chose."""
MOMENTS = ("started_at", "finished_at", "scheduled_for")
JSON, CSV, TEXT = "json", "csv", "text"
NONE, ZERO_ROWS = "none", "zero_rows"

UNKNOWN_VARIABLE = Problem(
    "export.unknown_confirmation_variable",
    "{where}: the template uses “{variable}”, which a confirmation does not know.",
    "Did you mean “{nearest}”? Known: {known}.",
)
BAD_TEMPLATE = Problem(
    "export.bad_confirmation_template",
    "{where}: the template has a brace that is not closed, or asks “{variable}” for what it cannot give.",
    "Write {example}; write {{{{ and }}}} for real braces. Times take a pattern, as in {pattern}.",
)
NOT_A_TEXT = Problem(
    "export.confirmation_template_alone",
    "{where}: a template means something in a text alone, and this confirmation is {format}.",
    "Remove “template”, or write “format: text”.",
)


@dataclass(frozen=True, slots=True)
class ConfirmationChoice:
    """`folder` None means the destination's own; a text without `template` has a line for each of `content`."""

    name: str
    folder: str | None = None
    format: str = JSON
    content: tuple[str, ...] = CONFIRMATION_CONTENTS
    template: str = ""
    when_no_file: str = NONE

    @classmethod
    def from_values(cls, values: Mapping[str, Any] | None) -> ConfirmationChoice | None:
        """What the section `confirmation` reads as."""
        return cls(**{**values, "content": tuple(values["content"])}) if values else None

    def to_document(self) -> dict[str, Any]:
        """As the section is written; what says nothing is left out."""
        written = {"name": self.name, "folder": self.folder, "format": self.format, "content": list(self.content)}
        written |= {"template": self.template or None, "when_no_file": None if self.when_no_file == NONE else self.when_no_file}
        return {key: value for key, value in written.items() if value is not None}


def pieces(template: str, path: Path = ()) -> Iterator[tuple[str, str, str]]:
    """The template in turn: text as it stands, then the variable that follows it (or nothing) and its pattern.

    Raises `DefinitionError` at `path` for what no confirmation can tell.
    """
    try:
        parsed = list(Formatter().parse(template))
    except ValueError as error:
        raise _bad(path, "{") from error
    for literal, variable, pattern, conversion in parsed:
        if variable is not None:
            _check_variable(variable, pattern or "", conversion, path)
        yield literal, variable or "", pattern or ""


def _check_variable(variable: str, pattern: str, conversion: str | None, path: Path) -> None:
    if variable not in CONTENT_LABELS:
        known = list(CONTENT_LABELS)
        raise DefinitionError(UNKNOWN_VARIABLE, path, variable=variable, nearest=nearest(variable, known), known=known)
    left = re.sub(f"%[{DIRECTIVES}]", "", pattern)
    if conversion or (pattern and variable not in MOMENTS) or re.search("[%{}]", left):
        raise _bad(path, variable)


def _bad(path: Path, variable: str) -> DefinitionError:
    return DefinitionError(BAD_TEMPLATE, path, variable=variable, example="{sha256}", pattern="{finished_at:%Y%m%d}")


def _check_template(value: str, path: Path) -> None:
    for _ in pieces(value, path):
        pass


def _check_confirmation(values: Mapping[str, Any], path: Path) -> None:
    if values["template"] and values["format"] != TEXT:
        here = (*path, "template")
        raise DefinitionError(NOT_A_TEXT, here, where=describe_path(path), format=values["format"])


CONFIRMATION = Section(
    "confirmation",
    "A small file written last, which tells the partner that the export is complete.",
    (
        Option("folder", "Its folder; the destination's when left out.", label="Folder", check=check_folder),
        Option(
            "name",
            "Its whole name; it may hold variables such as the export's name and the date of the run.",
            label="File name",
            required=True,
            check=check_file_name,
        ),
        Option(
            "format",
            "Its format.",
            label="Format",
            default=JSON,
            choices=(JSON, CSV, TEXT),
            choice_labels=("JSON", "CSV", "Text"),
        ),
        Option(
            "content",
            "What it tells, in this order.",
            label="Content",
            kind="list",
            default=CONFIRMATION_CONTENTS,
            choices=tuple(CONTENT_LABELS),
            choice_labels=tuple(CONTENT_LABELS.values()),
        ),
        Option(
            "template",
            "The whole text, with variables such as {sha256} or {finished_at:%Y%m%d}; one line each when left out.",
            label="Template of the text",
            default="",
            lines=True,
            only_with=("format=text",),
            check=_check_template,
        ),
        Option(
            "when_no_file",
            "What happens when there was nothing to export and no file leaves.",
            label="When no file leaves",
            default=NONE,
            choices=(NONE, ZERO_ROWS),
            choice_labels=("No confirmation", "A confirmation that tells of zero rows"),
        ),
    ),
    check=_check_confirmation,
)
