"""Who leaves: the group of the contact list, and the targeting criteria contacts must meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from paquebot.errors import CommandError, Problem
from paquebot.export import CONTACTS, EXPORT, ExportDefinition
from paquebot.language import translatable
from paquebot.options import Option, Section
from paquebot.records.meant import askable
from paquebot.records.models import Group, Project
from paquebot.web.criteria.builder import Builder
from paquebot.web.criteria.pages import counted
from paquebot.web.exports.source_part import of_contacts
from paquebot.web.exports.trigger_part import chosen_among
from paquebot.web.option_form import OptionForm

NAME = "restriction"
TITLE = translatable("Restriction")
NOT_COMPLETE = Problem("export.restriction_not_complete", "A condition is not complete yet.", "Look at what is told beside it.")


def _declared() -> Option:
    entries: Any = EXPORT
    for name in ("content", CONTACTS):
        entries = next(entry for entry in entries if isinstance(entry, Section) and entry.name == name).entries
    return next(entry for entry in entries if isinstance(entry, Option) and entry.name == "group")


_GROUP = _declared()


class RestrictionForm:
    """The whole part, from the stored definition and, once sent, from what was written."""

    def __init__(self, project: Project, definition: ExportDefinition, written: Any = None) -> None:
        self.project, self.definition = project, definition
        self.errors: list[str] = []
        self.found: dict[str, Any] = {}
        self.group = OptionForm((_group(project),), written, stored={"group": definition.content.group}, prefix=NAME)
        stored = definition.content.where
        self.builder = Builder(askable(project), stored=stored, written=written)

    @property
    def applies(self) -> bool:
        """Only the contact list takes a group and criteria."""
        return self.definition.content.kind == CONTACTS

    @property
    def obfuscated(self) -> tuple[str, ...]:
        """What the export does not let out in clear is not shown beside its criteria either."""
        return tuple(self.definition.obfuscation.fields) if self.definition.obfuscation else ()

    @property
    def any_group(self) -> bool:
        return bool(self.group.options["group"].choices)

    def is_valid(self) -> bool:
        """Everything is looked at, so that each wrong row is told at once."""
        rows, group = self.builder.is_valid(), self.group.is_valid()
        return rows and group

    def changes(self) -> dict[str, Any]:
        """The keys of the definition it changes. Raises `CommandError` while a condition is not complete."""
        if not self.applies:
            return {}
        if not self.is_valid():
            raise CommandError(NOT_COMPLETE)
        where = self.builder.criterion
        group = self.group.values().get("group")
        return {"content": of_contacts(self.definition.content, group=group, where=where.to_document() if where else None)}

    def move(self, asked: str) -> bool:
        """Whether the button that was pressed only changed rows, or counted; nothing is to be saved then."""
        if asked == "count":
            if self.is_valid():
                group = self.group.values().get("group", "")
                self.found = counted(self.project, group, self.builder.criterion, hidden=self.obfuscated)
            else:
                self.found = {"unfinished": True}
            return True
        return self.builder.act(asked)

    def wrong(self) -> dict[str, list[str]]:
        """What is wrong, by the name of the field as the page sends it; rows tell it themselves."""
        return {}

    def place_error(self, told: str, path: Sequence[Any]) -> None:
        """Beside the group, or on top."""
        if "group" in path:
            self.group.add_error("group", told)
        else:
            self.errors.append(told)


def _group(project: Project) -> Option:
    names = {name: name for name in Group.objects.filter(project=project).values_list("name", flat=True)}
    return chosen_among(_GROUP, names)
