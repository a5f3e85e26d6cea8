"""Whose keys an export's file is closed with, and who signs it: what the project has to choose from."""

from __future__ import annotations

import dataclasses
from typing import Any

from paquebot.language import translatable
from paquebot.options import Option, Section
from paquebot.packaging_keys import AGE, OPENPGP, PACKAGING
from paquebot.records.models import EncryptionKey, Project, SigningKey
from paquebot.web.exports.trigger_part import chosen_among

_LABELS = {OPENPGP: translatable("Encrypted for"), AGE: translatable("Encrypted by age for")}
_OPTIONS = {
    option.name: option
    for section in PACKAGING
    if isinstance(section, Section)
    for option in section.entries
    if isinstance(option, Option)
}


def key_options(project: Project) -> tuple[Option, ...]:
    """The options that leave something to choose among the project's keys."""
    rows = EncryptionKey.objects.filter(project=project).values_list("kind", "name")
    names = {kind: {name: name for found, name in rows if found == kind} for kind in (OPENPGP, AGE)}
    chosen = [
        chosen_among(dataclasses.replace(_OPTIONS[kind], label=_LABELS[kind]), found) for kind, found in names.items() if found
    ]
    own = {name: name for name in SigningKey.objects.filter(project=project).values_list("name", flat=True)}
    signing = [chosen_among(_OPTIONS["sign_with"], own)] if own and names[OPENPGP] else []
    return (*chosen, *signing, _OPTIONS["armour"]) if chosen else ()


def chosen_keys(values: dict[str, Any]) -> dict[str, Any] | None:
    """The section of the definition; None when the file is not encrypted."""
    said = {name: values[name] for name in (OPENPGP, AGE, "sign_with") if values.get(name)}
    return {**said, "armour": values.get("armour", False)} if said else None
