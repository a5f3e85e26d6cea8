"""Exports made and changed by whoever describes them as data (API, Python API), checked as in the pages and in files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from paquebot.alerts import ALERTS, AlertChoice, alerts_from_values
from paquebot.options import DefinitionError, read
from paquebot.project_parts import REFERENCE, is_reference
from paquebot.records import exports
from paquebot.records.alerts import listening
from paquebot.records.connection import Records
from paquebot.records.destinations import check_folders
from paquebot.records.dumping import export_document
from paquebot.records.models import Export, Project, Server, User

_BESIDE = ("name", "alerts")
"""What an export is made with, and what is kept beside its definition."""


@transaction.atomic
def add_export(records: Records, project: Project, written: Mapping[str, Any], by: User | None = None) -> Export:
    """A new export as `written`. Raises `DefinitionError` for what is wrong, nothing is made then."""
    label = written.get("label") or written.get("name") or ""
    made = exports.create(project, _text(label, "label"), _text(written.get("name") or "", "name"), by)
    return change_export(records, project, made.name, written, by=by)


@transaction.atomic
def change_export(  # noqa: PLR0913 - which one, what, from which version, and by whom
    records: Records,
    project: Project,
    name: str,
    changes: Mapping[str, Any],
    *,
    version: int | None = None,
    by: User | None = None,
) -> Export:
    """The export with `changes` to its keys; None removes one. Raises as `exports.save` does; without `version`, whatever it is
    now is changed."""
    _refuse_references(changes, ())
    export = exports.find(project, name)
    if changes.get("name", name) != name:
        raise DefinitionError(exports.NAME_STAYS, ("name",), name=name)
    own = {key: value for key, value in changes.items() if key not in _BESIDE}
    definition = exports.changed(export, own)
    server = (
        Server.objects.filter(project=project, name=definition.destination.server).first() if definition.destination else None
    )
    if server is not None:
        check_folders(records.home, server.kind, server.options, definition)
    saved = exports.save(project, name, own, export.version if version is None else version, by)
    if "alerts" in changes:
        listening.replace(saved, _alerts(changes["alerts"]))
    return saved


def described(export: Export) -> dict[str, Any]:
    """The export as data, who listens included: what `change_export` takes."""
    return export_document(export)


def _alerts(written: Any) -> tuple[AlertChoice, ...]:
    return alerts_from_values(read((ALERTS,), {"alerts": written})["alerts"]) or ()


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise DefinitionError(exports.NOT_A_NAME, (key,), key=key)
    return value


def _refuse_references(value: Any, path: tuple[str | int, ...]) -> None:
    """References are resolved where the command line runs, and nowhere else."""
    if path[-1:] != ("description",) and is_reference(value):
        raise DefinitionError(REFERENCE, path)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _refuse_references(inner, (*path, str(key)))
    if isinstance(value, list):
        for place, inner in enumerate(value):
            _refuse_references(inner, (*path, place))
