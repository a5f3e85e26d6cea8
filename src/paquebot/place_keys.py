"""Names and folders of files as people write them: what can never be one is refused while it is written.

Templates may hold variables; what those give is judged once more when a name is made of them (`packaging/naming.py`).
"""

from __future__ import annotations

import re

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Path

DEFAULT_FILE_NAME = "{export}_{run.local_date:%Y%m%d}"

BAD_FILE_NAME = Problem(
    "export.bad_file_name",
    "{where}: “{value}” cannot be a file name.",
    "Leave out slashes and control characters, and do not begin with a dot. The folder has a key of its own.",
)
BAD_FOLDER = Problem(
    "export.bad_folder",
    "{where}: the folder “{value}” leads upwards or holds a control character.",
    "Write the folder in full.",
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_file_name(value: str, path: Path) -> None:
    """Raises `DefinitionError` unless `value` may be the template of a file's name."""
    if not value.strip() or value.startswith(".") or re.search(r"[/\\]", value) or _CONTROL.search(value):
        raise DefinitionError(BAD_FILE_NAME, path, value=value)


def check_file_name_or_none(value: str, path: Path) -> None:
    """The same, where nothing may be written, too."""
    if value:
        check_file_name(value, path)


def check_folder(value: str, path: Path) -> None:
    """Raises `DefinitionError` unless `value` may be a folder on a server."""
    if ".." in value.split("/") or _CONTROL.search(value):
        raise DefinitionError(BAD_FOLDER, path, value=value)
