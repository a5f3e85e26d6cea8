"""Configured servers as destinations ready to connect, their secrets decrypted here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paquebot.delivery.base import AMBIENT, SIGN_IN, Destination
from paquebot.delivery.folder import resolve_folder
from paquebot.errors import DeliveryError, Problem
from paquebot.plugins import find
from paquebot.records.connection import Records
from paquebot.records.home import AMBIENT_VARIABLE, Home
from paquebot.records.models import Server

AMBIENT_NOT_ALLOWED = Problem(
    "delivery.ambient_not_allowed",
    "This installation does not let destinations sign in as the machine itself.",
    "Hand in a service account key; or an administrator sets {variable}=allow.",
)


def destination_of(records: Records, server_id: int, kind: str, options: Mapping[str, Any]) -> Destination:
    """The destination `options` describe, with the present secrets of the server."""
    sealed = Server.objects.values_list("secrets", flat=True).filter(id=server_id).first() or {}
    values = {**options, **{name: records.keyring.unseal(value) for name, value in sealed.items()}}
    require_allowed(records.home, values)
    if kind == "folder":
        values["path"] = str(resolve_folder(values["path"], records.home.allowed_folders))
    built: Destination = find("destinations", kind)(values)
    return built


def require_allowed(home: Home, options: Mapping[str, Any]) -> None:
    """Raises `DeliveryError` for a destination that would sign in as the machine where nobody allowed it."""
    if options.get(SIGN_IN) == AMBIENT and not home.ambient_credentials:
        raise DeliveryError(AMBIENT_NOT_ALLOWED, variable=AMBIENT_VARIABLE)


def keeps_rows(kind: str) -> bool:
    """Whether such a destination keeps rows in tables, not files in folders."""
    return bool(find("destinations", kind).CAPABILITIES.keeps_rows)
