"""The keys by which an export keeps a wrong file from leaving: what happens when columns change, when a person must look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Option, Path, Section

NOT_A_SHARE = Problem(
    "export.not_a_percentage", "{where}: this must be a whole percentage from 0 to 100.", "Write it as {{email: 5}}."
)


def _check_shares(value: Mapping[str, Any], path: Path) -> None:
    for name, share in value.items():
        if not isinstance(share, int) or isinstance(share, bool) or not 0 <= share <= 100:
            raise DefinitionError(NOT_A_SHARE, (*path, str(name)))


COLUMNS = Section(
    "columns",
    "What happens when the columns of the source are no longer those of the last delivered file.",
    (
        Option(
            "policy",
            "Keep the delivered columns in their order, append new ones, follow the source, or hold the run for a person.",
            choices=("keep", "append", "follow", "hold"),
            label="When columns change",
            choice_labels=(
                "Keep those delivered; leave new ones out",
                "Append new ones at the end",
                "Follow the source",
                "Hold the run until somebody has looked",
            ),
        ),
    ),
)
HOLD = Section(
    "hold",
    "When the file waits for a person before it leaves.",
    (
        Option("rows_under", "Hold a file of fewer rows.", "integer", least=0, label="Fewer rows than"),
        Option("rows_over", "Hold a file of more rows.", "integer", least=0, label="More rows than"),
        Option(
            "rows_change",
            "Hold a file whose number of rows differs from the usual by more than so many percent.",
            "integer",
            least=1,
            label="Change from the usual number of rows, in percent",
        ),
        Option("bytes_under", "Hold a file of fewer bytes.", "integer", least=0, label="Fewer bytes than"),
        Option("bytes_over", "Hold a file of more bytes.", "integer", least=0, label="More bytes than"),
        Option(
            "empty_over",
            "Hold a file in which a field is empty in more than so many percent of the rows: the field, then the percentage.",
            kind="mapping",
            label="Empty values, in percent",
            check=_check_shares,
        ),
    ),
)
