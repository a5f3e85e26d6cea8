"""One contact by its key: read, added or changed, unsubscribed, deleted, for programs that know of a person before a file does.

Every change is an import of its own: a snapshot, by the same merge files take. What is read here is personal.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paquebot.consent import Consent
from paquebot.criteria import Condition
from paquebot.errors import CommandError, Problem
from paquebot.options import nearest
from paquebot.records.connection import Records
from paquebot.records.freezing import displayed
from paquebot.records.importing import Target, import_file
from paquebot.records.lakes import provision_lake
from paquebot.records.meant import reader_of
from paquebot.records.models import Project, Table
from paquebot.records.reading import LIMITS, answer, ask
from paquebot.records.restricting import contact_key, contact_list
from paquebot.sources.lake.catalogue import Catalogue
from paquebot.sources.lake.duck import identifier, literal

NO_CONTACT = Problem(
    "contact.unknown", "No contact has this key.", "Keys are compared as they are written in the contact list."
)
NO_FIELD = Problem(
    "contact.unknown_field",
    "The table {table} has no field “{field}”.",
    "Did you mean “{nearest}”? Its fields are: {known}.",
)
OTHER_KEY = Problem("contact.other_key", "The contact's key cannot be changed.", "Leave “{field}” out, or add another contact.")
BAD_VALUE = Problem(
    "contact.bad_value", "The value of “{field}” is neither text, number, true, false nor nothing.", "Write one."
)
NO_SWITCH = Problem(
    "contact.no_subscription_field",
    "Nothing in this project says by itself whether a contact is subscribed.",
    "Name “table” and what its fields become as “set”. Fields that are found by themselves: {known}.",
)
NO_LINK = Problem(
    "contact.not_linked", "The table {table} is no profile table of the contact list.", "Profile tables: {known}."
)
OFF = {"opt_in": "0", "optin": "0", "subscribed": "0", "is_subscribed": "0", "unsubscribed": "1", "opt_out": "1", "optout": "1"}
"""Fields that say whether somebody is subscribed, and what they become."""
_MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Unsubscription:
    """Where it is written that a contact wants nothing any more: those rows of `table` that `match` become as `set` says."""

    table: str | None = None
    set: Mapping[str, Any] | None = None
    match: Mapping[str, Any] | None = None


def read_contact(records: Records, project: Project, key: str) -> dict[str, Any]:
    """The contact's fields in display order. Raises `CommandError` when there is none."""
    contacts = contact_list(project)
    found = _found(records, project, contacts, key)
    if found is None:
        raise CommandError(NO_CONTACT)
    return found


def put_contact(records: Records, project: Project, key: str, fields: Mapping[str, Any]) -> bool:
    """The contact says what `fields` say, others of its fields stay; whether it is a new one. Raises `PaquebotError`."""
    contacts = contact_list(project)
    field = contact_key(contacts, ("contacts",))
    if str(fields.get(field, key)) != key:
        raise CommandError(OTHER_KEY, field=field)
    result = _merge(records, contacts, [{**fields, field: key}])
    return bool(result.added)


def unsubscribe(records: Records, project: Project, key: str, how: Unsubscription) -> dict[str, Any]:
    """Writes that the contact wants nothing any more; which table says so now, and how many rows. Raises `CommandError`."""
    read_contact(records, project, key)
    table, link, values = _switch(project, how)
    rows = _rows_of(records, table, link, key, how.match or {})
    if rows:
        _merge(records, table, [{**row, **values} for row in rows])
    return {"table": table.name, "rows": len(rows), "set": dict(values)}


def delete_contact(records: Records, project: Project, key: str) -> None:
    """The contact, and its rows in profile tables, are in no later snapshot. Raises `CommandError` when there is none."""
    contacts = contact_list(project)
    read_contact(records, project, key)
    with Catalogue(provision_lake(records, project)) as catalogue:
        for table in _profiles(project):
            catalogue.delete(table.name, table.profile_of["contacts"], key)
        catalogue.delete(contacts.name, contact_key(contacts, ("contacts",)), key)


def rows_of_table(records: Records, table: Table, limit: int, offset: int) -> list[dict[str, Any]]:
    """Rows of the table by its key, columns in display order. Raises `SourceError`."""
    names = displayed(table)
    if not names:
        return []
    listed, order = (", ".join(map(identifier, some)) for some in (names, table.key))
    sql = f"select {listed} from {identifier(table.name)} order by {order} limit {int(limit)} offset {int(offset)}"  # noqa: S608 — names are quoted
    return [dict(zip(names, map(_plain, row), strict=True)) for row in ask(records, table.project, sql, limit).sample]


def _found(records: Records, project: Project, contacts: Table, key: str) -> dict[str, Any] | None:
    names = tuple(displayed(contacts))
    if not names:
        return None
    field = contact_key(contacts, ("contacts",))
    if not _could_be(records, contacts, field, key):
        return None
    asked = reader_of(records, project, Condition(field, "=", key), names, LIMITS)
    rows = answer(asked, 1).sample
    return dict(zip(names, map(_plain, rows[0]), strict=True)) if rows else None


def _could_be(records: Records, contacts: Table, field: str, key: str) -> bool:
    """A key of numbers is asked for by a number; a text is the key of nobody then."""
    from paquebot.records.tables import table_facts

    kind = next((one.kind for one in table_facts(contacts).fields if one.name == field), "text")
    return kind == "text" or (kind == "integer" and key.removeprefix("-").isdecimal() and key.isascii() and len(key) < 19)


def _rows_of(records: Records, table: Table, link: str, key: str, match: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The keys of the contact's rows in `table`."""
    _require_fields(table, match)
    wanted = {link: key, **match}
    where = " and ".join(
        f"cast({identifier(name)} as varchar) = {literal(_text(name, value))}" for name, value in wanted.items()
    )
    listed = ", ".join(map(identifier, table.key))
    sql = f"select {listed} from {identifier(table.name)} where {where}"  # noqa: S608 — names and values are quoted
    return [dict(zip(table.key, row, strict=True)) for row in ask(records, table.project, sql, _MOST_ROWS).sample]


def _switch(project: Project, how: Unsubscription) -> tuple[Table, str, Mapping[str, Any]]:
    """The table, the field that leads to the contact, and what its rows become: by itself, what the project says of consent."""
    contacts = contact_list(project)
    places = {contacts.name: (contacts, contact_key(contacts, ("contacts",)))}
    places |= {table.name: (table, table.profile_of["contacts"]) for table in _profiles(project)}
    if how.table is not None and how.table not in places:
        raise CommandError(NO_LINK, table=how.table, known=sorted(places))
    consent = Consent.from_values(project.consent)
    named = (consent.table or contacts.name) if consent else ""
    if consent and named in places and not how.set and how.table in (None, named):
        return *places[named], {consent.field: consent.opted_out[0]}
    for table, link in [places[how.table]] if how.table else places.values():
        if how.set:
            _require_fields(table, how.set)
            return table, link, how.set
        for column in table.columns:
            if column.lower() in OFF:
                return table, link, {column: OFF[column.lower()]}
    raise CommandError(NO_SWITCH, known=sorted(OFF))


def _profiles(project: Project) -> list[Table]:
    return [
        table for table in Table.objects.filter(project=project, is_contact_list=False) if table.profile_of and table.columns
    ]


def _merge(records: Records, table: Table, rows: Sequence[Mapping[str, Any]]) -> Any:
    for row in rows[:1]:
        _require_fields(table, row)
    with tempfile.TemporaryDirectory(prefix="contact-", dir=records.home.scratch) as folder:
        file = Path(folder) / "rows.csv"
        with file.open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(rows[0])
            writer.writerows([_text(name, value) for name, value in row.items()] for row in rows)
        return import_file(records, Target(table.project, table.name), file, file_name="API")


def _require_fields(table: Table, named: Mapping[str, Any]) -> None:
    for field in named:
        if field not in table.columns:
            raise CommandError(
                NO_FIELD, table=table.name, field=field, nearest=nearest(field, table.columns), known=table.columns
            )


def _text(field: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (str, int, float)):
        return str(value)
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    raise CommandError(BAD_VALUE, field=field)


def _plain(value: Any) -> Any:
    """As JSON can hold it: dates as ISO 8601, exact numbers as text."""
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
