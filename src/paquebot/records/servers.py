"""Making, changing, examining and removing destinations. Secrets are sealed here, and never come back out to a page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, OuterRef, Subquery

from paquebot.credentials import Secret
from paquebot.delivery.doctor import Finding, examine
from paquebot.delivery.folder import resolve_folder
from paquebot.errors import CommandError, PaquebotError, Problem
from paquebot.options import Entry, Option, read
from paquebot.plugins import find
from paquebot.project_parts import ServerDefinition
from paquebot.records.canaries import set_canary
from paquebot.records.connection import Records
from paquebot.records.destinations import destination_of, require_allowed
from paquebot.records.models import Export, Project, Run, Server
from paquebot.records.models.history import ACTIVE
from paquebot.records.uses import refuse_used, uses_in
from paquebot.records.writing import locked, put, require_free, update
from paquebot.server_keys import ServerCare

BUSY = Problem(
    "server.busy",
    "“{name}” cannot be deleted while a run is on its way to it.",
    "Wait for the end of the run, or cancel it.",
)
NOT_AN_IDENTITY = Problem(
    "server.not_an_identity",
    "What was to be approved for “{name}” is neither a host key nor a certificate.",
    "Test the destination again and approve what it shows.",
)
_IDENTITIES = ("host_key", "jump_host_key", "certificate")


@dataclass(frozen=True, slots=True)
class Delivery:
    """The last file a server received."""

    run_id: int
    export: str
    file_name: str
    finished_at: datetime | None


def options_of(kind: str) -> tuple[Entry, ...]:
    """What a destination of that kind can be told. Raises `CommandError` for an unknown kind."""
    entries: tuple[Entry, ...] = find("destinations", kind).OPTIONS
    return entries


def add_server(records: Records, project: Project, written: ServerDefinition) -> Server:
    """A new destination. Raises `PaquebotError` saying what is wrong with its name or an option."""
    options = read(options_of(written.kind), written.options)
    with transaction.atomic():
        require_free(Server, project, written.name)
        keep_server(records, project, replace(written, options=options))
    return Server.objects.get(project=project, name=written.name)


def change_server(
    records: Records, server: Server, written: ServerDefinition, *, kept: Collection[str] = (), version: str
) -> Server:
    """The destination as `written`; the secrets named in `kept` stay as they are. Raises `PaquebotError`."""
    with transaction.atomic():
        row = locked(Server, server.project, server.name, version)
        secrets = {name: records.keyring.unseal(row.secrets[name]) for name in kept if name in row.secrets}
        options = read(options_of(row.kind), {**written.options, **secrets})
        keep_server(records, row.project, ServerDefinition(row.name, row.kind, options, written.care))
    return Server.objects.get(pk=row.pk)


def keep_server(records: Records, project: Project, server: ServerDefinition) -> str | None:
    """Writes the server, whose options its plug-in has read; returns what `put` returns. A missing folder is made.

    Where the server does not say by which references its values came, those of values that stay are kept.
    """
    options, care, references = server.options, server.care, server.references
    require_allowed(records.home, options)
    make_folder(records, server.kind, options)
    plain = {option: value for option, value in options.items() if not isinstance(value, Secret)}
    secret = {option: value for option, value in options.items() if isinstance(value, Secret)}
    known = Server.objects.filter(project=project, name=server.name).first()
    if known and secrets_of(records, known) == secret:
        sealed = known.secrets  # sealing anew gives other bytes: an unchanged secret is left as it is
    else:
        sealed = {option: records.keyring.seal(value.reveal()) for option, value in secret.items()}
    if references is None:
        references = _still_meant(records, known, options) if known else {}
    written = {"kind": server.kind, "options": plain, "secrets": sealed, "references": dict(references)}
    told = {"max_concurrency": care.limit, "canary_every": care.canary, "canary_writes": care.canary_writes}
    what = put(Server, project, server.name, {**written, **told})
    if what:
        set_canary(Server.objects.get(project=project, name=server.name))
    return what


def secrets_of(records: Records, server: Server) -> dict[str, Secret]:
    """The server's secrets as they are, never to be shown."""
    return {option: records.keyring.unseal(value) for option, value in server.secrets.items()}


def _still_meant(records: Records, known: Server, options: Mapping[str, Any]) -> dict[str, str]:
    """The references of values that `options` leaves as they are: one that was changed by hand came by no reference."""
    before = {**known.options, **secrets_of(records, known)}
    return {option: one for option, one in known.references.items() if before.get(option) == options.get(option)}


def care_of(server: Server) -> ServerCare:
    """How the server is looked after."""
    return ServerCare(server.max_concurrency, server.canary_every, server.canary_writes)


def make_folder(records: Records, kind: str, options: Mapping[str, Any]) -> None:
    """The folder of a folder destination, where an administrator allows it. Raises `DeliveryError` where not."""
    if kind == "folder":
        resolve_folder(options["path"], records.home.allowed_folders).mkdir(parents=True, exist_ok=True)


def approve_identity(server: Server, option: str, fingerprint: str, version: str) -> None:
    """Writes down which host key or certificate the server must show from now on. Raises `CommandError`."""
    if option not in _IDENTITIES or option not in {entry.name for entry in options_of(server.kind)}:
        raise CommandError(NOT_AN_IDENTITY, name=server.name)
    read([entry for entry in options_of(server.kind) if entry.name == option], {option: fingerprint})
    with transaction.atomic():
        row = locked(Server, server.project, server.name, version)
        references = {name: one for name, one in row.references.items() if name != option}
        update(row, options={**row.options, option: fingerprint}, references=references)
        set_canary(row)


def risks_of(server: Server) -> list[str]:
    """What somebody accepted knowingly for this destination: texts of the catalogue."""
    kind = find("destinations", server.kind)
    options = (entry for entry in kind.OPTIONS if isinstance(entry, Option) and entry.risk)
    chosen = [option.risk for option in options if server.options.get(option.name) in option.risky]
    return [kind.RISK, *chosen] if kind.RISK else chosen


def remove_server(project: Project, name: str, version: str) -> None:
    """Raises `CommandError` while an export uses the destination or a run is on its way to it."""
    with transaction.atomic():
        row = locked(Server, project, name, version)
        refuse_used(name, uses_in(project).servers.get(name, []))
        if Run.objects.filter(project=project, server_name=name, status__in=("queued", *ACTIVE)).exists():
            raise CommandError(BUSY, name=name)
        row.delete()


def examine_server(records: Records, server: Server, folder: str, *, writes: bool = True) -> list[Finding]:
    """What the doctor finds in `folder` of the destination, step by step; what cannot even be begun is the first finding."""
    try:
        destination = destination_of(records, server)
    except PaquebotError as error:
        return [Finding("connect", 0.0, error)]
    return examine(destination, folder, writes=writes)


def folders_of(server: Server) -> list[str]:
    """The folders exports deliver to on the server, each once."""
    folders = Export.objects.filter(server=server).values_list("definition__destination__folder", flat=True)
    return sorted({folder or "" for folder in folders})


def last_deliveries(project: Project) -> dict[str, Delivery]:
    """By server: the last run delivered to it by an export that still goes there."""
    last = Run.objects.filter(export=OuterRef("pk"), status="delivered", server_name=F("export__server__name"))
    newest = Export.objects.filter(project=project, server__isnull=False).annotate(
        last=Subquery(last.order_by("-id").values("id")[:1])
    )
    runs = Run.objects.filter(id__in=[run for run in newest.values_list("last", flat=True) if run]).order_by("id")
    return {run.server_name: Delivery(run.id, run.export_name, run.file_name, run.finished_at) for run in runs}


def address_of(server: Server) -> str:
    """Where the destination is, in one line, as its kind writes it."""
    options = server.options
    if "dataset" in options:
        return f"{options['project']}.{options['dataset']}"
    if "host" in options:
        account = f"{options['username']}@" if options.get("username") else ""
        usual = next(
            (entry.default for entry in options_of(server.kind) if isinstance(entry, Option) and entry.name == "port"), 0
        )
        port = options.get("port")
        return f"{account}{options['host']}{f':{port}' if port and port != usual else ''}"
    if "bucket" in options:
        return "/".join(filter(None, (str(options.get("endpoint") or "").rstrip("/"), options["bucket"])))
    told = options.get("path") or options.get("url")
    return str(told or next((value for value in options.values() if isinstance(value, str) and value), ""))
