"""Configured servers as destinations ready to connect, their secrets decrypted here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paquebot.delivery.base import Destination
from paquebot.delivery.folder import resolve_folder
from paquebot.delivery.wrapping import build
from paquebot.plugins import find
from paquebot.records.connection import Records
from paquebot.records.models import Server


def destination_of(records: Records, server_id: int, kind: str, options: Mapping[str, Any]) -> Destination:
    """The destination `options` describe, with the present secrets of the server."""
    sealed = Server.objects.values_list("secrets", flat=True).filter(id=server_id).first() or {}
    values = {**options, **{name: records.keyring.unseal(value) for name, value in sealed.items()}}
    if kind == "folder":
        values["path"] = str(resolve_folder(values["path"], records.home.allowed_folders))
    return build(find("destinations", kind), values)
