"""Names in a project that must lead somewhere."""

from __future__ import annotations

from collections.abc import Sequence

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Path, nearest

UNKNOWN_NAME = Problem(
    "definition.unknown_name",
    "{where}: “{value}” is not in this project.",
    "Did you mean “{nearest}”? Known under “{section}”: {known}.",
)
NOTHING_TO_NAME = Problem(
    "definition.unknown_name", "{where}: “{value}” is not in this project.", "Describe it first, under “{section}”."
)


def check_known(name: str | None, known: Sequence[str], section: str, path: Path) -> None:
    """Raises `DefinitionError` naming the nearest when `name` is none of those `known` under `section`."""
    if name in known:
        return
    if not known:
        raise DefinitionError(NOTHING_TO_NAME, path, value=name, section=section)
    raise DefinitionError(
        UNKNOWN_NAME, path, value=name, nearest=nearest(str(name), known), section=section, known=sorted(known)
    )
