"""Configured servers as destinations ready to connect, their secrets decrypted here and nowhere else.

A run is delivered where it was asked to be, with the server's present secrets: a password that was renewed is used at once. So
the two must belong together. Once the server leads elsewhere, or lets somebody else in, its secrets are not for the place the
run knows, and the run is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paquebot.delivery.base import AMBIENT, SIGN_IN, Destination
from paquebot.delivery.download import Download
from paquebot.delivery.folder import resolve_folder
from paquebot.delivery.wrapping import build
from paquebot.errors import CommandError, DeliveryError, Problem
from paquebot.export import ExportDefinition
from paquebot.options import Option, Path, describe_path, placed
from paquebot.plugins import find
from paquebot.records.connection import Records
from paquebot.records.home import AMBIENT_VARIABLE, Home
from paquebot.records.models import Run, Server

SERVER_GONE = Problem(
    "run.server_gone",
    "The server “{server}” that run {run} sends its file to is no longer there.",
    "Describe the server again, and make it again with today's data.",
)
SERVER_CHANGED = Problem(
    "run.server_changed",
    "The server “{server}” was changed ({changed}) after run {run} was asked for. Nothing was sent to it since.",
    "Make it again, for the server as it is now: `paquebot retry {run} --fresh`. To send this very file there, if it was made: "
    "`paquebot retry {run}`.",
)

AMBIENT_NOT_ALLOWED = Problem(
    "delivery.ambient_not_allowed",
    "This installation does not let destinations sign in as the machine itself.",
    "Hand in a service account key; or an administrator sets {variable}=allow.",
)


def destination_of(records: Records, server: Server) -> Destination:
    """The destination the server is now."""
    values = {**server.options, **{name: records.keyring.unseal(value) for name, value in server.secrets.items()}}
    return _built(records, server.kind, values)


def destination_of_run(records: Records, run: Run) -> Destination:
    """The destination as it was when the run was asked for. Raises `CommandError` once the server is another one, or gone."""
    if run.definition["server"]["kind"] == Download.NAME:
        return Download({})
    server = server_of_run(run)
    changed = changed_since(run, server)
    if changed:
        raise CommandError(SERVER_CHANGED, server=server.name, run=run.id, changed=changed)
    return destination_of(records, server)


def server_of_run(run: Run) -> Server:
    """The server the run was asked to deliver to, as it is now. Raises `CommandError` when it is gone."""
    server = Server.objects.filter(id=run.definition["server"]["id"]).first()
    if server is None:
        raise CommandError(SERVER_GONE, server=run.server_name, run=run.id)
    return server


def changed_since(run: Run, server: Server) -> list[str]:
    """The options that make `server` another place, or us another guest there, than when the run was asked for."""
    then = run.definition["server"]
    if then["kind"] != server.kind:
        return [server.kind]
    telling = [option for option in find("destinations", server.kind).OPTIONS if not (option.secret or option.tuning)]
    return [option.name for option in telling if _value(option, then["options"]) != _value(option, server.options)]


def _value(option: Option, options: Mapping[str, Any]) -> Any:
    return options.get(option.name, option.default)


def check_folders(home: Home, kind: str, options: Mapping[str, Any], definition: ExportDefinition, path: Path = ()) -> None:
    """Raises `DefinitionError` beside the folder in which no file of the export could ever lie on such a server."""
    destination, resolved = find("destinations", kind), _resolved(home, kind, options)
    folders = (("destination", definition.destination), ("confirmation", definition.confirmation))
    for part, chosen in folders:
        here = (*path, part, "folder")
        with placed(here, describe_path(here)):
            destination.check_folder(resolved, (chosen.folder if chosen else "") or "")


def _built(records: Records, kind: str, values: dict[str, Any]) -> Destination:
    require_allowed(records.home, values)
    return build(find("destinations", kind), _resolved(records.home, kind, values))


def _resolved(home: Home, kind: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """A folder is where it really lies."""
    if kind != "folder":
        return dict(options)
    return {**options, "path": str(resolve_folder(options["path"], home.allowed_folders))}


def require_allowed(home: Home, options: Mapping[str, Any]) -> None:
    """Raises `DeliveryError` for a destination that would sign in as the machine where nobody allowed it."""
    if options.get(SIGN_IN) == AMBIENT and not home.ambient_credentials:
        raise DeliveryError(AMBIENT_NOT_ALLOWED, variable=AMBIENT_VARIABLE)


def keeps_rows(kind: str) -> bool:
    """Whether such a destination keeps rows in tables, not files in folders."""
    return bool(find("destinations", kind).CAPABILITIES.keeps_rows)
