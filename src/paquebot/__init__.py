"""Paquebot: automated recurring exports that are produced, protected, delivered and proved."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"
__all__ = [
    "Export",
    "Run",
    "apply_file",
    "dump_project",
    "import_rows",
    "installation",
    "plan_file",
    "run",
    "run_again",
    "runs",
]


def __getattr__(name: str) -> Any:
    """The Python API (`scripting.py`), loaded when it is first asked for: the command line starts without it."""
    if name in __all__:
        return getattr(import_module("paquebot.scripting"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
