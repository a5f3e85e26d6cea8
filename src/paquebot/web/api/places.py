"""Destinations, without their secrets, and the partners' public keys."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext
from ninja import Router

from paquebot.errors import describe, render
from paquebot.options import Entry, Option
from paquebot.project_keys import KEY, check_key
from paquebot.project_parts import check_key_texts
from paquebot.records import keys, servers
from paquebot.records.models import EncryptionKey, Server
from paquebot.records.selectors import find_named
from paquebot.records.writing import version_of
from paquebot.web.api import shapes
from paquebot.web.api.access import ADMINISTERS, READS, ApiRequest
from paquebot.web.api.bodies import body_of
from paquebot.web.api.bodies import described as body
from paquebot.web.api.repeating import PARAMETER, once
from paquebot.web.api.shapes import PROBLEMS, Name
from paquebot.web.installation import records

router = Router(tags=["destinations and keys"])
EXAMINE: tuple[Entry, ...] = (Option("folder", "The folder on the server to test in, or the dataset.", default=""),)


@router.get("/destinations", auth=READS, response={200: shapes.DestinationList, **PROBLEMS}, summary="List destinations")
def list_destinations(request: ApiRequest) -> dict[str, Any]:
    """By name."""
    return {"items": [_destination(one) for one in Server.objects.filter(project=request.project)]}


@router.get(
    "/destinations/{name}", auth=READS, response={200: shapes.DestinationDocument, **PROBLEMS}, summary="Read a destination"
)
def read_destination(request: ApiRequest, name: Name) -> dict[str, Any]:
    """What it is told; its secrets by name alone."""
    return _destination(find_named(Server, request.project, name))


@router.post(
    "/destinations/{name}/test",
    auth=ADMINISTERS,
    response={200: shapes.Examination, **PROBLEMS},
    summary="Test a destination",
    openapi_extra=body(EXAMINE, {"folder": "/in"}, required=False),
)
def examine_destination(request: ApiRequest, name: Name) -> dict[str, Any]:
    """Signs in, writes, compares, renames and removes a small file, and tells each step."""
    server = find_named(Server, request.project, name)
    findings = servers.examine_server(records(), server, body_of(request, EXAMINE)["folder"])
    failed = next((finding.error for finding in findings if finding.error), None)
    steps = [
        {"name": finding.step, "status": "failed" if finding.error else "done", "seconds": finding.seconds}
        for finding in findings
    ]
    return {"ok": failed is None, "error": render(describe(failed), gettext) if failed else None, "steps": steps}


@router.get("/keys", auth=READS, response={200: shapes.KeyList, **PROBLEMS}, summary="List encryption keys")
def list_keys(request: ApiRequest) -> dict[str, Any]:
    """By name."""
    return {"items": [_key(one) for one in EncryptionKey.objects.filter(project=request.project)]}


@router.post(
    "/keys",
    auth=ADMINISTERS,
    response={201: shapes.KeyDocument, **PROBLEMS},
    summary="Add a partner's public key",
    openapi_extra={
        **body(KEY, {"name": "partner-2027", "openpgp": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n…"}),
        "parameters": [PARAMETER],
    },
)
@once
def add_key(request: ApiRequest) -> tuple[int, Any]:
    """The key itself, as text (an OpenPGP one, or an age recipient); references are refused."""
    asked = body_of(request, KEY)
    check_key(asked, ())
    kind = check_key_texts(asked, ())
    return 201, _key(keys.add_key(records(), request.project, asked["name"], asked[kind]))


@router.delete("/keys/{name}", auth=ADMINISTERS, response={204: None, **PROBLEMS}, summary="Delete a key")
def delete_key(request: ApiRequest, name: Name) -> tuple[int, None]:
    """RefusedError while an export uses it."""
    keys.remove_key(request.project, name, version_of(find_named(EncryptionKey, request.project, name)))
    return 204, None


def _destination(row: Server) -> dict[str, Any]:
    return {"name": row.name, "kind": row.kind, "options": row.options, "secrets": sorted(row.secrets)}


def _key(row: EncryptionKey) -> dict[str, Any]:
    expires = row.expires_on.isoformat() if row.expires_on else None
    return {"name": row.name, "kind": row.kind, "fingerprint": row.fingerprint, "expires_on": expires}
