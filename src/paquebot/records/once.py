"""Once, by hand: the file of an export that nobody keeps, made for whoever asks to download it.

There is no row for such an export. Its definition stands in the run alone, which takes the road of every other run as far as
the kept file; that is fetched from the page of the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.text import slugify

from paquebot.delivery.download import Download
from paquebot.export import CONTACTS, QUERY, TABLE, ExportDefinition
from paquebot.options import DefinitionError
from paquebot.packaging_keys import NO_DESTINATION_TO_LOCK
from paquebot.records.freezing import frozen
from paquebot.records.models import Export, Project, Query, Run, Table
from paquebot.records.runs import new_token

ONCE = "once"
"""What started such a run."""
AT_ONCE = 2
"""So many of them are made at the same time, over the whole installation: those with a schedule come first."""
BROWSER: Mapping[str, Any] = {"id": 0, "name": "", "kind": Download.NAME, "options": {}, "max_concurrency": AT_ONCE}
"""Stands for the server in the frozen definition; no server has this number."""


def definition_for(source: Table | Query) -> ExportDefinition:
    """Everything `source` holds, as every export begins."""
    kind = QUERY if isinstance(source, Query) else CONTACTS if source.is_contact_list else TABLE
    content: dict[str, Any] = {CONTACTS: {}} if kind == CONTACTS else {kind: source.name}
    name = slugify(source.name) or "export"
    written = {"name": name, "label": source.name, "content": content}
    return ExportDefinition.from_document(written, timezone=source.project.timezone)


def unkept(project: Project, definition: ExportDefinition) -> Export:
    """An export that is never saved, for what asks for one."""
    return Export(project=project, name=definition.name, definition=definition.to_document())


def request(project: Project, definition: ExportDefinition) -> Run:
    """A new queued run that makes the file of `definition`. Raises `CommandError` for what is not there."""
    if definition.zip_locked:
        raise DefinitionError(NO_DESTINATION_TO_LOCK, ("zip_locked",))
    return Run.objects.create(
        project=project,
        definition=frozen(unkept(project, definition), definition, BROWSER),
        definition_version=1,
        trigger=ONCE,
        token=new_token(),
        scheduled_for=timezone.now(),
    )


def is_once(run: Run) -> bool:
    """Whether the run's file is for whoever asked to download it."""
    return run.trigger == ONCE
