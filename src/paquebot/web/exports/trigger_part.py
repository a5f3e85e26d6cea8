"""The part of an export's page that says what starts it beside the clock."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from paquebot.delivery.folder import resolve_folder
from paquebot.errors import DeliveryError
from paquebot.export import ExportDefinition
from paquebot.language import translatable
from paquebot.options import DefinitionError, Option
from paquebot.records.models import Export, Project, Query, Table
from paquebot.trigger import POSSIBLE as TRIGGER_PARTS
from paquebot.trigger import TRIGGER, Trigger
from paquebot.web.installation import records

Values = dict[str, Any]


def chosen_among(option: Option, names: Mapping[str, str], **more: Any) -> Option:
    """The option with the project's own names as its choices."""
    return dataclasses.replace(option, choices=tuple(names), choice_labels=tuple(names.values()), **more)


_NOTHING = "nothing"
_NOTHING_LABEL = translatable("Nothing: only its schedule counts")


def trigger_options(project: Project) -> tuple[Option, ...]:
    """What may start an export, with what the project has to choose from."""
    options = {option.name: option for option in TRIGGER if isinstance(option, Option)}
    kind = options["kind"]
    options["kind"] = dataclasses.replace(
        kind,
        choices=(_NOTHING, *kind.choices),
        choice_labels=(_NOTHING_LABEL, *kind.choice_labels),
        default=_NOTHING,
        required=False,
    )
    options |= {name: dataclasses.replace(options[name], default=options[name].choices[0]) for name in ("when", "watch")}
    exports = Export.objects.filter(project=project).values_list("name", "definition__label")
    options["export"] = chosen_among(options["export"], {name: label or name for name, label in exports})
    options["table"] = chosen_among(options["table"], {one.name: one.name for one in Table.objects.filter(project=project)})
    options["query"] = chosen_among(options["query"], {one.name: one.name for one in Query.objects.filter(project=project)})
    return tuple(options.values())


def trigger_changes(values: Values, _: ExportDefinition) -> Values:
    """The key of the definition the part changes. Raises `DefinitionError`."""
    kind = values.get("kind", _NOTHING)
    if kind == _NOTHING:
        return {"trigger": None}
    said = {key: values[key] for key in TRIGGER_PARTS[kind] if key in values}
    trigger = Trigger.from_values({**dict.fromkeys(_TRIGGER_KEYS), "kind": kind, **said}, ("trigger",))
    if trigger.folder:
        _check_folder(trigger.folder)
    return {"trigger": trigger.to_document()}


def _check_folder(folder: str) -> None:
    try:
        resolve_folder(folder, records().home.allowed_folders)
    except DeliveryError as error:
        raise DefinitionError(error.problem, ("trigger", "folder"), **error.parameters) from error


_TRIGGER_KEYS = tuple(option.name for option in TRIGGER)
