"""Exports as people make and change them: created from a name, saved part by part, switched on and off, copied, deleted.

Every change is checked as a whole definition before anything is written, gives the export its next version, and keeps the row
of its schedule in step. A change made from an older version is refused: nobody's work is overwritten unseen.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.text import slugify

from paquebot.errors import CommandError, Problem
from paquebot.export import ACTIVE, DRAFT, PAUSED, QUERY, TABLE, EncryptionChoice, ExportDefinition, check_name
from paquebot.options import DefinitionError, describe_path, placed
from paquebot.packaging import naming
from paquebot.production_keys import CHANGES, check_changes
from paquebot.project import TAKEN_NAME, check_outside
from paquebot.records.alerts.listening import listen_alike
from paquebot.records.freezing import check_lock, check_place, source_of, table_name
from paquebot.records.key_versions import check_key_version
from paquebot.records.models import EncryptionKey, Export, Group, Project, Query, Run, Server, SigningKey, Table, User
from paquebot.records.models.history import ACTIVE as UNDER_WAY
from paquebot.records.scheduling import set_schedule
from paquebot.records.triggering import set_trigger
from paquebot.trigger import Trigger, check_cycle

CHANGED_MEANWHILE = Problem(
    "export.changed_meanwhile",
    "Somebody else changed this export while you were at it, so nothing of yours was saved yet.",
    "Look at what they changed; what you wrote is still here, and saving again keeps both.",
)
GONE = Problem("export.gone", "The export “{name}” is no longer there.", "Somebody deleted it; its runs stay in history.")
RUN_UNDER_WAY = Problem(
    "export.run_under_way",
    "The export “{name}” cannot be deleted while its run {run} is under way.",
    "Wait until it has ended, or cancel it.",
)
NO_SUCH_SERVER = Problem(
    "export.unknown_destination",
    "This project has no destination “{value}”.",
    "Choose one of the list; it may have been removed.",
)
NO_SUCH_SOURCE = Problem(
    "export.unknown_source",
    "This project has no table or query “{value}”.",
    "Choose one of the list; it may have been removed.",
)
NO_SUCH_GROUP = Problem(
    "export.unknown_group", "This project has no group “{value}”.", "Choose one of the list; it may have been removed."
)
NO_SUCH_KEY = Problem(
    "export.unknown_key", "This project has no key “{value}”.", "Choose among those of the list; it may have been removed."
)
NO_SUCH_EXPORT = Problem(
    "export.unknown_followed",
    "This project has no other export “{value}” to follow.",
    "Choose one of the list; it may have been removed.",
)
FOLLOWED = Problem(
    "export.followed",
    "The export “{name}” cannot be deleted: its end starts {exports}.",
    "Let these be started by something else first.",
)
NAME_STAYS = Problem("export.name_stays", "The export “{name}” keeps its stable name.", "Change its label, or make a copy.")
NOT_A_NAME = Problem("export.not_a_name", "“{key}” must be text.", "Write it between quotes.")
NO_LABEL = Problem("export.no_label", "The export has no name.", "Write the name people will read.")

LONGEST_NAME = 80
UNFINISHED = ("queued", *UNDER_WAY)


class ChangedMeanwhileError(CommandError):
    """The export is no longer the version the change was made from; `export` is what it is now."""

    def __init__(self, export: Export) -> None:
        super().__init__(CHANGED_MEANWHILE)
        self.export = export


@dataclass(frozen=True, slots=True)
class Difference:
    """One value of a definition that is not what it was; `path` leads to it, None stands for what is not there."""

    path: tuple[str, ...]
    before: Any
    now: Any


def stable_name(project: Project, label: str) -> str:
    """A free name derived from what people call the export: `Désabonnements du jour` gives `desabonnements-du-jour`."""
    base = slugify(label)[:LONGEST_NAME].strip("-_") or "export"
    taken = set(
        Export.objects.filter(project=project, name__startswith=base[: LONGEST_NAME - 4]).values_list("name", flat=True)
    )
    return next(name for name in _numbered(base) if name not in taken)


@transaction.atomic
def create(project: Project, label: str, name: str = "", by: User | None = None) -> Export:
    """A new draft. Without `name`, one is derived from `label`. Raises `DefinitionError` of what is wrong with either."""
    label = label.strip()
    if not label:
        raise DefinitionError(NO_LABEL, ("label",))
    name = name or stable_name(project, label)
    check_name(name, ("name",))
    if Export.objects.filter(project=project, name=name).exists():
        raise DefinitionError(TAKEN_NAME, ("name",), value=name, first=name)
    definition = _checked({"name": name, "label": label, "state": DRAFT}, project)
    return Export.objects.create(project=project, name=name, definition=definition.to_document(), changed_by=by)


@transaction.atomic
def save(project: Project, name: str, changes: Mapping[str, Any], version: int, by: User | None = None) -> Export:
    """The export with `changes` to the keys of its definition (None removes one), made from `version`.

    Raises `ChangedMeanwhileError` when it is another version by now, and `DefinitionError` with the path of what is wrong.
    """
    export = _locked(project, name)
    if export.version != version:
        raise ChangedMeanwhileError(export)
    definition = changed(export, changes)
    _check_names(project, definition)
    return _write(export, definition, by)


def changed(export: Export, changes: Mapping[str, Any]) -> ExportDefinition:
    """What the export would be with `changes`; nothing is saved. Raises `DefinitionError` and checks the names of files."""
    document = {key: value for key, value in {**export.definition, **changes}.items() if value is not None}
    return _checked(document, export.project)


@transaction.atomic
def switch(project: Project, name: str, state: str, by: User | None = None) -> Export:
    """The export activated, paused or a draft again. Raises `DefinitionError` naming what activation still misses."""
    export = _locked(project, name)
    return _write(export, _checked({**export.definition, "state": state}, project), by)


@transaction.atomic
def duplicate(project: Project, name: str, label: str, by: User | None = None) -> Export:
    """A draft like the export, called `label`, that the same people and addresses listen to."""
    original = _locked(project, name)
    copy = stable_name(project, label)
    definition = _checked({**original.definition, "name": copy, "label": label, "state": DRAFT}, project)
    export = Export.objects.create(
        project=project, name=copy, definition=definition.to_document(), state=DRAFT, server=original.server, changed_by=by
    )
    set_schedule(export)
    set_trigger(export)
    listen_alike(original, export)
    return export


@transaction.atomic
def delete(project: Project, name: str) -> None:
    """The export and its schedule are gone; its runs stay in history. Raises `CommandError` while one is under way."""
    export = _locked(project, name)
    followers = [one.definition.get("label", one.name) for one in followers_of(project, name)]
    if followers:
        raise CommandError(FOLLOWED, name=export.definition.get("label") or name, exports=followers)
    run = unfinished(export)
    if run is not None:
        raise CommandError(RUN_UNDER_WAY, name=export.definition.get("label") or name, run=run.id)
    export.delete()


def followers_of(project: Project, name: str) -> QuerySet[Export]:
    """The exports whose trigger is the end of the export `name`."""
    return Export.objects.filter(project=project, definition__trigger__export=name)


def unfinished(export: Export) -> Run | None:
    """The run of the export that has not ended, if any."""
    return Run.objects.filter(export=export, status__in=UNFINISHED).order_by("-id").first()


def differences(
    before: Mapping[str, Any], now: Mapping[str, Any], whole: Collection[tuple[str, ...]] = (("schedule",), ("trigger",))
) -> list[Difference]:
    """What is not the same in two definitions, in the order of their keys; what `whole` leads to is told as a whole."""
    return list(_differences((), before, now, whole))


def next_state(export: Export) -> str:
    """What the switch leads to: an active export is paused, any other activated."""
    return PAUSED if export.state == ACTIVE else ACTIVE


def find(project: Project, name: str) -> Export:
    """Raises `CommandError` when it is not there."""
    found = Export.objects.select_related("project", "server").filter(project=project, name=name).first()
    if found is None:
        raise CommandError(GONE, name=name)
    return found


def _locked(project: Project, name: str) -> Export:
    found = Export.objects.select_for_update(of=("self",)).select_related("project").filter(project=project, name=name).first()
    if found is None:
        raise CommandError(GONE, name=name)
    return found


def _checked(document: Mapping[str, Any], project: Project) -> ExportDefinition:
    definition = ExportDefinition.from_document(document, timezone=project.timezone)
    for path, check in naming.templates_of(definition):
        with placed(path, describe_path(path)):
            check()
    return definition


def _check_names(project: Project, definition: ExportDefinition) -> None:
    """What the definition names is in the project."""
    if definition.destination:
        server = definition.destination.server
        kinds = dict(Server.objects.filter(project=project, name=server).values_list("name", "kind"))
        _require(server in kinds, NO_SUCH_SERVER, "server", server)
        check_place(definition, kinds, ("destination",))
        check_lock(definition, Server.objects.filter(project=project, name=server).values_list("secrets", flat=True).first())
    _check_keys(project, definition.encryption)
    if group := definition.content.group:
        _require(Group.objects.filter(project=project, name=group).exists(), NO_SUCH_GROUP, "group", group)
    name = definition.content.name or ""
    if definition.content.kind == QUERY:
        _require(Query.objects.filter(project=project, name=name).exists(), NO_SUCH_SOURCE, "source", name)
    if definition.content.kind == TABLE:
        _require(Table.objects.filter(project=project, name=name).exists(), NO_SUCH_SOURCE, "source", name)
    if project.is_outside:
        check_outside(definition, (), project.database_kind)
    if definition.production.mode == CHANGES:
        source = source_of(project, definition)
        check_changes(definition.production, table_name(source), source.get("key", ()), source.get("fields"), ())
    check_key_version(project, definition)
    if definition.trigger:
        _check_trigger(project, definition.name, definition.trigger)


def _check_keys(project: Project, encryption: EncryptionChoice | None) -> None:
    if encryption is None:
        return
    known = EncryptionKey.objects.filter(project=project, kind=encryption.kind, name__in=encryption.keys)
    found = set(known.values_list("name", flat=True))
    for key in encryption.keys:
        _require(key in found, NO_SUCH_KEY, encryption.kind, key)
    if encryption.sign_with:
        signing = SigningKey.objects.filter(project=project, name=encryption.sign_with)
        _require(signing.exists(), NO_SUCH_KEY, "sign_with", encryption.sign_with)


def _check_trigger(project: Project, name: str, trigger: Trigger) -> None:
    if trigger.export:
        others = Export.objects.filter(project=project).exclude(name=name)
        _require(
            trigger.export == name or others.filter(name=trigger.export).exists(), NO_SUCH_EXPORT, "export", trigger.export
        )
        followed = dict(
            others.filter(definition__trigger__export__isnull=False).values_list("name", "definition__trigger__export")
        )
        check_cycle(name, {**followed, name: trigger.export}, ("trigger", "export"))
    if trigger.query:
        _require(Query.objects.filter(project=project, name=trigger.query).exists(), NO_SUCH_SOURCE, "query", trigger.query)
    if trigger.table:
        _require(Table.objects.filter(project=project, name=trigger.table).exists(), NO_SUCH_SOURCE, "table", trigger.table)


def _require(there: bool, problem: Problem, field: str, value: str) -> None:
    if not there:
        raise DefinitionError(problem, (field,), value=value)


def _write(export: Export, definition: ExportDefinition, by: User | None) -> Export:
    document = definition.to_document()
    if document == export.definition and definition.state == export.state:
        return export
    server = definition.destination.server if definition.destination else None
    export.definition, export.state = document, definition.state
    export.server = Server.objects.filter(project=export.project, name=server).first() if server else None
    export.version += 1
    export.changed_by = by
    export.save()
    set_schedule(export)
    set_trigger(export)
    return export


def _numbered(base: str) -> Iterator[str]:
    yield base
    number = 2
    while True:
        yield f"{re.sub('[-_]+$', '', base[: LONGEST_NAME - 5])}-{number}"
        number += 1


def _differences(path: tuple[str, ...], before: Any, now: Any, whole: Collection[tuple[str, ...]]) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(now, Mapping) and path not in whole:
        for key in dict.fromkeys([*before, *now]):
            yield from _differences((*path, str(key)), before.get(key), now.get(key), whole)
    elif before != now:
        yield Difference(path, before, now)
