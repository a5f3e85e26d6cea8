"""What keeps a wrong file from leaving, as forms: what happens when columns change, when a person must look first."""

from __future__ import annotations

import dataclasses
from typing import Any

from paquebot.errors import Problem
from paquebot.export import ExportDefinition
from paquebot.export_safeguards import COLUMNS
from paquebot.hold_rules import HOLD
from paquebot.language import translatable
from paquebot.options import DefinitionError, Option
from paquebot.records.models import Project
from paquebot.web.exports.trigger_part import chosen_among

NOT_A_PERCENTAGE = Problem(
    "export.no_percentage",
    "What is written for the field “{field}” is no whole percentage from 0 to 100.",
    "Write each field on a line of its own, such as “email = 5”.",
)
EMPTY_HELP = translatable(
    "Hold a file in which a field is empty in more than so many percent of the rows. One field per line, such as “email = 5”."
)
REPEATED_HELP = translatable(
    "Hold a file in which over so many percent of the rows repeat a field's value. One field per line, such as “email = 0”."
)
_SHARES_HELP = {"empty_over": EMPTY_HELP, "repeated_over": REPEATED_HELP}
USUAL = "usual"
_USUAL_LABEL = translatable("As usual: append with a header, leave out without")

Values = dict[str, Any]


def columns_options(_: Project) -> tuple[Option, ...]:
    """The policy, with its default in words."""
    policy = next(option for option in COLUMNS.entries if isinstance(option, Option))
    labels = dict(zip(policy.choices, policy.choice_labels, strict=True))
    return (chosen_among(policy, {USUAL: _USUAL_LABEL, **labels}, default=USUAL),)


def columns_changes(values: Values, _: ExportDefinition) -> Values:
    policy = values.get("policy", USUAL)
    return {"columns": None if policy == USUAL else {"policy": policy}}


def hold_options(_: Project) -> tuple[Option, ...]:
    """The rules; percentages are read from their lines by `hold_changes`."""
    rules = (option for option in HOLD.entries if isinstance(option, Option))
    return tuple(
        dataclasses.replace(rule, check=None, explanation=_SHARES_HELP[rule.name]) if rule.kind == "mapping" else rule
        for rule in rules
    )


def stored_hold(definition: ExportDefinition) -> Values:
    return dataclasses.asdict(definition.hold) if definition.hold else {}


def hold_changes(values: Values, _: ExportDefinition) -> Values:
    """Raises `DefinitionError` for what is no percentage."""
    said = dict(values)
    for rule in _SHARES_HELP.keys() & said.keys():
        said[rule] = {name: _share(rule, name, written) for name, written in said[rule].items()}
    return {"hold": said or None}


def _share(rule: str, name: str, written: str) -> int:
    figures = written.replace("%", "").strip()
    if not figures.isdecimal() or int(figures) > 100:
        raise DefinitionError(NOT_A_PERCENTAGE, ("hold", rule), field=name)
    return int(figures)
