"""The installation this process serves: its folders and keys, for the views that need more than the database."""

from __future__ import annotations

from dataclasses import dataclass

from paquebot.records.connection import Records


@dataclass(slots=True)
class _Served:
    records: Records | None = None


_served = _Served()


def serve(records: Records) -> None:
    """Says once, as the process starts, which installation it serves."""
    _served.records = records


def records() -> Records:
    """The installation being served."""
    if _served.records is None:
        raise RuntimeError("no installation is being served")
    return _served.records
