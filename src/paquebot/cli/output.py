"""What a command prints: words for people, or one JSON document; everything else goes to standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from paquebot.errors import PaquebotError, describe, render


class Output:
    """Standard output and error in the caller's language; `translate` is the `_` of commands."""

    def __init__(self, *, as_json: bool, translate: Callable[[str], str], language: str = "en") -> None:
        self.as_json = as_json
        self.translate = translate
        self.language = language

    def document(self, document: Any) -> None:
        """The one JSON document of a command; silent for people."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n")
            sys.stdout.flush()

    def line(self, text: str = "") -> None:
        """A line for people; silent with `--json`."""
        if not self.as_json:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def text(self, text: str) -> None:
        """A whole text as it is, which ends as it ends; silent with `--json`."""
        if not self.as_json:
            sys.stdout.write(text)
            sys.stdout.flush()

    @property
    def coloured(self) -> bool:
        """Whether standard output is a terminal whose owner wants colours (https://no-color.org)."""
        return not self.as_json and sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    def note(self, text: str) -> None:
        """A line on standard error, for people and for machines' logs."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def table(self, heading: Sequence[str], rows: Sequence[Sequence[str]], right: frozenset[int] = frozenset()) -> None:
        """Columns as wide as they need to be; those numbered in `right` are aligned to the right."""
        widths = [max(len(row[column]) for row in [heading, *rows]) for column in range(len(heading))]
        for row in [heading, *rows]:
            cells = [
                cell.rjust(width) if column in right else cell.ljust(width)
                for column, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.line("  ".join(cells).rstrip())

    def error(self, error: PaquebotError | Mapping[str, Any]) -> None:
        """What went wrong and what to do, on standard error; as a document too with `--json`."""
        description = describe(error) if isinstance(error, PaquebotError) else error
        told = render(description, self.translate)
        self.document({"error": told})
        self.note(f"{told['message']}\n  {told['hint']}\n  ({told['code']})")
