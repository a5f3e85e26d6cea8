"""Exports: listed, read, made, changed, deleted, switched, run."""

from __future__ import annotations

from typing import Annotated, Any

from django.utils.translation import gettext
from ninja import Header, Router

from paquebot.engine import asking
from paquebot.errors import Problem
from paquebot.export import ACTIVE, EXPORT, PAUSED
from paquebot.records import exports
from paquebot.records.describing import add_export, change_export, described
from paquebot.records.models import Export
from paquebot.records.selectors import find_named, run_document
from paquebot.web.api import shapes
from paquebot.web.api.access import EDITS, READS, RUNS, ApiRequest
from paquebot.web.api.bodies import described as body
from paquebot.web.api.bodies import written
from paquebot.web.api.problems import RefusedError
from paquebot.web.api.repeating import PARAMETER, once
from paquebot.web.api.shapes import PROBLEMS, After, Limit, Name
from paquebot.web.installation import records

router = Router(tags=["exports"])
BAD_VERSION = Problem("api.bad_version", "If-Match holds no version.", "Send the “version” you read, such as 3.")
EXAMPLE = {
    "name": "unsubscribed",
    "label": "Unsubscribed of the day",
    "destination": {"server": "partner", "folder": "/in"},
    "schedule": {"every": "day", "at": ["06:30"]},
    "content": {"query": "unsubscribed"},
    "obfuscation": {"fields": {"email": {"normalise": "email"}}},
}
IfMatch = Annotated[str | None, Header(alias="If-Match", max_length=12, description="The version the change was made from.")]


@router.get("/exports", auth=READS, response={200: shapes.ExportPage, **PROBLEMS}, summary="List exports")
def list_exports(request: ApiRequest, limit: Limit = 50, after: After = "") -> dict[str, Any]:
    """By their stable names."""
    found = list(Export.objects.filter(project=request.project, name__gt=after).order_by("name")[: limit + 1])
    return {"items": [_document(one) for one in found[:limit]], "next": found[limit - 1].name if len(found) > limit else None}


@router.post(
    "/exports",
    auth=EDITS,
    response={201: shapes.ExportDocument, **PROBLEMS},
    summary="Make an export",
    openapi_extra={**body(EXPORT, EXAMPLE), "parameters": [PARAMETER]},
)
@once
def make_export(request: ApiRequest) -> tuple[int, Any]:
    """A draft, unless “state” says otherwise."""
    return 201, _document(add_export(records(), request.project, written(request), request.auth.created_by))


@router.get("/exports/{name}", auth=READS, response={200: shapes.ExportDocument, **PROBLEMS}, summary="Read an export")
def read_export(request: ApiRequest, name: Name) -> dict[str, Any]:
    """Its whole definition."""
    return _document(find_named(Export, request.project, name))


@router.patch(
    "/exports/{name}",
    auth=EDITS,
    response={200: shapes.ExportDocument, **PROBLEMS},
    summary="Change an export",
    openapi_extra=body(EXPORT, {"label": "Unsubscribed yesterday"}, required=False),
)
def patch_export(request: ApiRequest, name: Name, if_match: IfMatch = None) -> dict[str, Any]:
    """The keys that are sent take the place of those of the same name; null removes one."""
    find_named(Export, request.project, name)
    version = _version(if_match)
    by = request.auth.created_by
    return _document(change_export(records(), request.project, name, written(request), version=version, by=by))


@router.delete("/exports/{name}", auth=EDITS, response={204: None, **PROBLEMS}, summary="Delete an export")
def delete_export(request: ApiRequest, name: Name) -> tuple[int, None]:
    """Its runs stay in history."""
    exports.delete(request.project, name)
    return 204, None


@router.post("/exports/{name}/activate", auth=EDITS, response={200: shapes.ExportDocument, **PROBLEMS}, summary="Activate")
def activate_export(request: ApiRequest, name: Name) -> dict[str, Any]:
    """Its schedule and its trigger count from now on."""
    return _document(exports.switch(request.project, name, ACTIVE, request.auth.created_by))


@router.post("/exports/{name}/pause", auth=EDITS, response={200: shapes.ExportDocument, **PROBLEMS}, summary="Pause")
def pause_export(request: ApiRequest, name: Name) -> dict[str, Any]:
    """Its schedule and its trigger count no more."""
    return _document(exports.switch(request.project, name, PAUSED, request.auth.created_by))


@router.post(
    "/exports/{name}/runs",
    auth=RUNS,
    response={202: shapes.RunDocument, **PROBLEMS},
    summary="Run an export now",
    openapi_extra={"parameters": [PARAMETER]},
)
@once
def start_run(request: ApiRequest, name: Name) -> tuple[int, Any]:
    """In every state; its schedule is left alone. The run is queued: read it again to see what it came to."""
    run = asking.run_now(find_named(Export, request.project, name), request.auth.created_by, token=request.auth.name)
    return 202, run_document(run, gettext)


def _document(export: Export) -> dict[str, Any]:
    return {
        "name": export.name,
        "state": export.state,
        "version": export.version,
        "updated_at": export.updated_at.isoformat(),
        "definition": described(export),
    }


def _version(if_match: str | None) -> int | None:
    text = (if_match or "").strip().removeprefix("W/").strip('"')
    if if_match is None or text == "*":
        return None
    if not (text.isascii() and text.isdecimal()):
        raise RefusedError(400, BAD_VERSION)
    return int(text)
