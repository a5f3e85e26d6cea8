"""The key by which an export says what happens when the columns of its source change."""

from __future__ import annotations

from paquebot.options import Option, Section

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
