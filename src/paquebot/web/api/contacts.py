"""Contacts by key, in projects whose database is embedded: read, put, unsubscribed, deleted."""

from __future__ import annotations

from typing import Any

from ninja import Router

from paquebot.options import Entry, Option, read
from paquebot.records import contacts
from paquebot.web.api import shapes
from paquebot.web.api.access import EDITS, ApiRequest
from paquebot.web.api.bodies import body_of, written
from paquebot.web.api.bodies import described as body
from paquebot.web.api.shapes import PROBLEMS, Key
from paquebot.web.installation import records

router = Router(tags=["contacts"])
FIELDS: tuple[Entry, ...] = (Option("fields", "Values by field.", kind="mapping", required=True),)
UNSUBSCRIBE: tuple[Entry, ...] = (
    Option(
        "table", "The contact list or a profile table; when left out, that of the project's consent, or one with such a field."
    ),
    Option(
        "set",
        "What its fields become; when left out, what the project's consent says, or a field such as opt_in becomes 0.",
        kind="mapping",
    ),
    Option("match", "Only its rows with these values, such as those of one newsletter.", kind="mapping"),
)


@router.get("/contacts/{key}", auth=EDITS, response={200: shapes.Contact, **PROBLEMS}, summary="Read a contact")
def read_contact(request: ApiRequest, key: Key) -> dict[str, Any]:
    """All fields, in display order."""
    return {"key": key, "fields": contacts.read_contact(records(), request.project, key)}


@router.put(
    "/contacts/{key}",
    auth=EDITS,
    response={200: shapes.Contact, 201: shapes.Contact, **PROBLEMS},
    summary="Add or change a contact",
    openapi_extra=body(FIELDS, {"fields": {"email": "ana@example.org", "city": "Laval"}}),
)
def put_contact(request: ApiRequest, key: Key) -> tuple[int, Any]:
    """Fields that are not sent stay as they are; those of a new contact are empty."""
    is_new = contacts.put_contact(records(), request.project, key, body_of(request, FIELDS)["fields"])
    return (201 if is_new else 200), {"key": key, "fields": contacts.read_contact(records(), request.project, key)}


@router.post(
    "/contacts/{key}/unsubscribe",
    auth=EDITS,
    response={200: shapes.Unsubscribed, **PROBLEMS},
    summary="Unsubscribe a contact",
    openapi_extra=body(UNSUBSCRIBE, {"table": "subscriptions", "set": {"opt_in": 0}}, required=False),
)
def unsubscribe(request: ApiRequest, key: Key) -> dict[str, Any]:
    """Every export that runs from now on knows it. Doing it again changes nothing."""
    asked = read(UNSUBSCRIBE, written(request))
    return contacts.unsubscribe(records(), request.project, key, contacts.Unsubscription(**asked))


@router.delete("/contacts/{key}", auth=EDITS, response={204: None, **PROBLEMS}, summary="Delete a contact")
def delete_contact(request: ApiRequest, key: Key) -> tuple[int, None]:
    """With its rows in profile tables."""
    contacts.delete_contact(records(), request.project, key)
    return 204, None
