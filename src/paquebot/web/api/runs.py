"""Runs: listed, read, retried, ignored, cancelled, released, refused; their steps, receipts and files."""

from __future__ import annotations

import json
from typing import Annotated, Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from ninja import Query, Router

from paquebot.engine import asking, kept_files
from paquebot.errors import Problem
from paquebot.export_keys import NAME_PATTERN
from paquebot.options import Entry, Option
from paquebot.records import run_log
from paquebot.records.models import Receipt, Run
from paquebot.records.models.history import ACTIVE, FINISHED
from paquebot.records.selectors import find_run, run_document
from paquebot.reporting.receipt import Receipt as SignedReceipt
from paquebot.web.api import shapes
from paquebot.web.api.access import EDITS, READS, RUNS, ApiRequest
from paquebot.web.api.bodies import body_of
from paquebot.web.api.bodies import described as body
from paquebot.web.api.problems import RefusedError
from paquebot.web.api.repeating import PARAMETER, once
from paquebot.web.api.shapes import PROBLEMS, Limit, Number
from paquebot.web.installation import records

router = Router(tags=["runs"])
NO_RECEIPT = Problem("run.no_receipt", "Run {run} has no receipt.", "Only what was delivered has one.")
RETRY: tuple[Entry, ...] = (
    Option("fresh", "Make it again with today's data, in place of sending the same file again.", kind="boolean", default=False),
)
IGNORE: tuple[Entry, ...] = (
    Option("ignored", "Whether history leaves it out; false puts it back.", kind="boolean", default=True),
)
STATUSES = ("queued", *ACTIVE, *FINISHED)
BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="“next” of the page before.")]
Export = Annotated[str | None, Query(pattern=f"^{NAME_PATTERN}$", description="Only of this export.")]
Status = Annotated[str | None, Query(pattern=f"^({'|'.join(STATUSES)})$", description="Only with this status.")]


@router.get("/runs", auth=READS, response={200: shapes.RunPage, **PROBLEMS}, summary="List runs")
def list_runs(  # noqa: PLR0913, PLR0917 - what a list may be narrowed by
    request: ApiRequest,
    limit: Limit = 50,
    after: Before = None,
    export: Export = None,
    status: Status = None,
    ignored: bool = False,
) -> dict[str, Any]:
    """Newest first; those somebody ignored only when asked for."""
    chosen = {"id__lt": after, "export_name": export, "status": status}
    found = Run.objects.filter(project=request.project, **{name: value for name, value in chosen.items() if value is not None})
    if not ignored:
        found = found.filter(ignored_at=None)
    page = list(found.select_related("project").prefetch_related("steps", "acts").order_by("-id")[: limit + 1])
    items = [run_document(run, gettext) for run in page[:limit]]
    return {"items": items, "next": page[limit - 1].id if len(page) > limit else None}


@router.get("/runs/{run}", auth=READS, response={200: shapes.RunDocument, **PROBLEMS}, summary="Read a run")
def read_run(request: ApiRequest, run: Number) -> dict[str, Any]:
    """Whole: its file, its proof, its steps, who did what."""
    return run_document(find_run(request.project, run), gettext)


@router.get("/runs/{run}/steps", auth=READS, response={200: shapes.StepList, **PROBLEMS}, summary="The steps of a run")
def read_steps(request: ApiRequest, run: Number) -> dict[str, Any]:
    """In the order they happened, attempt by attempt."""
    return {"items": run_document(find_run(request.project, run), gettext)["steps"]}


@router.get("/runs/{run}/receipt", auth=READS, response={200: dict[str, Any], **PROBLEMS}, summary="The signed receipt")
def read_receipt(request: ApiRequest, run: Number) -> dict[str, Any]:
    """As `paquebot verify` takes it."""
    kept = Receipt.objects.filter(run=find_run(request.project, run)).first()
    if kept is None:
        raise RefusedError(404, NO_RECEIPT, run=run)
    document: dict[str, Any] = json.loads(SignedReceipt(kept.document, kept.signature).to_file())
    return document


@router.get(
    "/runs/{run}/file",
    auth=EDITS,
    response={200: None, **PROBLEMS},
    summary="The file",
    openapi_extra={"responses": {200: {"description": "The file's bytes, as they left.", "content": BINARY}}},
)
def read_file(request: ApiRequest, run: Number) -> HttpResponseBase:
    """The bytes as they left; the run's log says who took them."""
    one = find_run(request.project, run)
    blocks = kept_files.download(records(), one, request.auth.created_by)
    response = StreamingHttpResponse(blocks, content_type="application/octet-stream")
    response.headers["Content-Length"] = str(one.size_bytes)
    response.headers["Content-Encoding"] = "identity"
    response.headers["Content-Disposition"] = content_disposition_header(True, one.file_name) or "attachment"
    response.headers["Cache-Control"] = "no-store"
    return response


@router.post(
    "/runs/{run}/retry",
    auth=RUNS,
    response={202: shapes.RunDocument, **PROBLEMS},
    summary="Retry a run",
    openapi_extra={**body(RETRY, {"fresh": True}, required=False), "parameters": [PARAMETER]},
)
@once
def retry_run(request: ApiRequest, run: Number) -> tuple[int, Any]:
    """Sends the same file again, or makes it again with today's data. Answers the new run."""
    old, by = find_run(request.project, run), request.auth.created_by
    again = asking.make_again(old, by) if body_of(request, RETRY)["fresh"] else asking.send_again(records(), old, by)
    return 202, run_document(again, gettext)


@router.post(
    "/runs/{run}/ignore",
    auth=RUNS,
    response={200: shapes.RunDocument, **PROBLEMS},
    summary="Ignore a run, or put it back",
    openapi_extra=body(IGNORE, {"ignored": True}, required=False),
)
def ignore_run(request: ApiRequest, run: Number) -> dict[str, Any]:
    """Deletes nothing."""
    one = find_run(request.project, run)
    act = run_log.ignore if body_of(request, IGNORE)["ignored"] else run_log.notice
    act(one, request.auth.created_by)
    return run_document(find_run(request.project, run), gettext)


@router.post("/runs/{run}/cancel", auth=RUNS, response={202: shapes.RunDocument, **PROBLEMS}, summary="Cancel a run")
def cancel_run(request: ApiRequest, run: Number) -> tuple[int, Any]:
    """At once when it waits, within moments when it runs."""
    asking.cancel(find_run(request.project, run), request.auth.created_by)
    return 202, run_document(find_run(request.project, run), gettext)


@router.post("/runs/{run}/release", auth=RUNS, response={202: shapes.RunDocument, **PROBLEMS}, summary="Release a held run")
def release_run(request: ApiRequest, run: Number) -> tuple[int, Any]:
    """Its very file leaves."""
    asking.release(find_run(request.project, run), request.auth.created_by)
    return 202, run_document(find_run(request.project, run), gettext)


@router.post("/runs/{run}/refuse", auth=RUNS, response={200: shapes.RunDocument, **PROBLEMS}, summary="Refuse a held run")
def refuse_run(request: ApiRequest, run: Number) -> dict[str, Any]:
    """Nothing is sent, and its file is removed."""
    asking.refuse(records(), find_run(request.project, run), request.auth.created_by)
    return run_document(find_run(request.project, run), gettext)
