"""Whose rows belong to contacts, as the project's tables declare it."""

from __future__ import annotations

from typing import Any

from paquebot.records.models import Project, Table
from paquebot.sources.building import Belonging


def belonging_of(project: Project) -> Belonging:
    """Which tables say more about contacts. Nothing belongs to them by a key of several fields."""
    tables = list(Table.objects.filter(project=project))
    contacts = next((table for table in tables if table.is_contact_list), None)
    if contacts is None or len(contacts.key) != 1:
        return Belonging()
    declared = {table.name: str(table.profile_of["contacts"]) for table in tables if table.profile_of.get("contacts")}
    return Belonging(contacts.name, str(contacts.key[0]), declared)


def frozen_build(project: Project, document: dict[str, Any]) -> dict[str, Any]:
    """What a run needs to compile the query by itself."""
    belonging = belonging_of(project)
    return {
        "build": document,
        "belonging": {"contacts": belonging.contacts, "key": belonging.key, "fields": dict(belonging.fields)},
    }
