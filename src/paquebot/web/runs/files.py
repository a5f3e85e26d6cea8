"""What a run left: the kept file (for those who may see content, and written down), its first lines, the receipt."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from paquebot.engine import kept_files
from paquebot.errors import PaquebotError, describe
from paquebot.errors import render as told
from paquebot.records.models import Receipt, Run
from paquebot.reporting.receipt import Receipt as SignedReceipt
from paquebot.web.access import DATA_READERS, VIEWERS, PageRequest, seen_by
from paquebot.web.installation import records
from paquebot.web.runs.page import found, whole


@seen_by(DATA_READERS)
@require_safe
def download(request: PageRequest, project: str, run: int) -> HttpResponseBase:
    """The bytes, as they left, of the file or of one of its parts (`?part=2`)."""
    one = found(request, run)
    number, name, size_bytes = _part(one, request.GET.get("part", ""))
    try:
        blocks = kept_files.download(records(), one, request.user, number)
    except PaquebotError as error:
        description = told(describe(error), gettext)
        messages.error(request, f"{description['message']} {description['hint']}")
        return redirect("run", project, run)
    response = StreamingHttpResponse(blocks, content_type="application/octet-stream")
    response.headers["Content-Length"] = str(size_bytes)
    response.headers["Content-Encoding"] = "identity"  # what was compressed once is not compressed again on the way
    return _attached(response, name)


@seen_by(DATA_READERS)
@require_POST
def first_lines(request: PageRequest, project: str, run: int) -> HttpResponse:
    """The first rows of the file; the whole page where there is no JavaScript."""
    one = found(request, run)
    shown: dict[str, Any] = {"run": one}
    try:
        shown["lines"] = kept_files.first_lines(records(), one, request.user)
    except PaquebotError as error:
        shown["lines_error"] = describe(error)
    if request.headers.get("HX-Request"):
        return render(request, "run/lines.html", shown)
    return render(request, "run.html", {**whole(request, one), **shown})


@seen_by(VIEWERS)
@require_safe
def receipt(request: PageRequest, project: str, run: int) -> HttpResponseBase:
    """The signed receipt, as `paquebot verify` takes it."""
    one = found(request, run)
    kept = Receipt.objects.filter(run=one).first()
    if kept is None:
        raise Http404
    content = SignedReceipt(kept.document, kept.signature).to_file()
    return _attached(HttpResponse(content, content_type="application/json"), f"{one.file_name}.receipt.json")


def _part(run: Run, written: str) -> tuple[int, str, int | None]:
    """Number, name and size of the part that is asked for; the first when none is."""
    if not run.parts:
        return 1, run.file_name, run.size_bytes
    number = int(written) if written.isascii() and written.isdecimal() else 1
    if not 1 <= number <= len(run.parts):
        raise Http404
    part = run.parts[number - 1]
    return number, part["file_name"], part["size_bytes"]


def _attached(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response.headers["Cache-Control"] = "no-store"
    return response
