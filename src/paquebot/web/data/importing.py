"""Importing by upload, in three steps: the file, its table, and what would change. Only then is anything changed."""

from __future__ import annotations

import math
import time
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from paquebot.engine import carrying_in
from paquebot.engine.carrying_in import begin, state_of, under_way
from paquebot.errors import CommandError, PaquebotError, SourceError
from paquebot.language import translatable
from paquebot.records.importing import KEY_NEEDED, OTHER_CONTACT_LIST, Target, foresee_file
from paquebot.records.models import Import, Table
from paquebot.records.reading import Field
from paquebot.records.uploads import Upload, another_sheet, drop_upload, find_upload, keep_upload, named_for_people, remember
from paquebot.records.uses import uses_in
from paquebot.sources.lake.import_problems import BAD_TABLE_NAME, DUPLICATE_KEY, EMPTY_KEY, UNKNOWN_KEY
from paquebot.sources.lake.importing import STEPS, Foreseen
from paquebot.sources.lake.tables import kind_of
from paquebot.web import installation
from paquebot.web.access import EDITORS, PageRequest, seen_by
from paquebot.web.data.import_forms import FileForm, TargetForm
from paquebot.web.tags.words import number, told_beside
from paquebot.web.telling import place_error, told

IMPORTED = translatable("“{file}” is imported: {added} added, {changed} changed, {removed} removed.")
NOTHING_NEW = translatable("“{file}” says nothing new: the table is as it was.")
CHANGED_MEANWHILE = translatable(
    "Somebody else imported into “{table}” meanwhile. This is what would change now; look again, then import."
)
NOT_CONFIRMED = translatable("Write the name of the table, “{table}”, to replace it all the same.")
LET_GO = translatable("The file is gone; nothing was changed.")

WAIT_SECONDS = 2.0
"""An import that takes no longer is not worth a page of its own."""

_BESIDE = {
    KEY_NEEDED: "key",
    DUPLICATE_KEY: "key",
    EMPTY_KEY: "key",
    UNKNOWN_KEY: "table",
    BAD_TABLE_NAME: "name",
    OTHER_CONTACT_LIST: "is_contact_list",
}
"""Problem → the field it stands beside."""


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def start(request: PageRequest, project: str) -> HttpResponse:
    """Step 1: the file. Into a database outside nothing is imported."""
    if request.project.is_outside:
        return redirect("database", project)
    form = FileForm(request)
    if form.is_bound and form.is_valid():
        uploaded: UploadedFile[Any] = form.cleaned_data["file"]
        try:
            upload = keep_upload(installation.records(), request.project, uploaded.name or "", uploaded.chunks())
        except PaquebotError as error:
            place_error(form, error, "file")
        else:
            remember(upload, {"table": request.POST.get("table", "")})
            return redirect("import_table", project, upload.token)
    table = request.POST.get("table", request.GET.get("table", ""))
    known = {"form": form, "table": table, "step": 1}
    return render(request, "data/import_file.html", known, status=422 if form.is_bound else 200)


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def choose(request: PageRequest, project: str, token: str) -> HttpResponse:
    """Step 2: which table, which key, merge or replace."""
    try:
        upload = find_upload(installation.records(), request.project, token)
    except CommandError as error:
        return _gone(request, error)
    if "sheet" in request.POST:
        return _other_sheet(request, upload)
    form = TargetForm(request.project, upload, request.POST or None)
    if form.is_bound and form.is_valid():
        try:
            _foresee(upload, form.target, form.cleaned_data)
        except PaquebotError as error:
            place_error(form, error, _beside(error, form))
        else:
            return redirect("import_changes", project, token)
    known_columns = sorted({name for table in form.tables.values() for name in table.columns})
    known = {"form": form, "upload": upload, "step": 2, "columns": _columns(upload, form), "known_columns": known_columns}
    return render(request, "data/import_table.html", known, status=422 if form.is_bound else 200)


@seen_by(EDITORS)
@require_http_methods(["GET", "HEAD", "POST"])
def changes(request: PageRequest, project: str, token: str) -> HttpResponse:
    """Step 3: what would change; posting it does it."""
    try:
        upload = find_upload(installation.records(), request.project, token)
    except CommandError as error:
        return _gone(request, error)
    if "foreseen" not in upload.choice:
        return redirect("import_table", project, token)
    if request.method == "POST":
        return _carry_out(request, upload)
    if under_way(upload):
        return redirect("import_progress", project, token)
    state = state_of(upload) or {}
    return _changes_page(request, upload, told_beside(state["error"]) if "error" in state else "")


@seen_by(EDITORS)
@require_POST
def let_go(request: PageRequest, project: str, token: str) -> HttpResponse:
    """Forgets the file."""
    try:
        drop_upload(find_upload(installation.records(), request.project, token))
    except CommandError as error:
        return _gone(request, error)
    messages.success(request, gettext(LET_GO))
    return redirect("data", project)


@seen_by(EDITORS)
@require_POST
def cancel(request: PageRequest, project: str, token: str) -> HttpResponse:
    """Asks that the import stops; where it ended meanwhile, its end is told."""
    try:
        upload = find_upload(installation.records(), request.project, token)
    except CommandError as error:
        return _gone(request, error)
    carrying_in.cancel(upload)
    return redirect("import_progress", project, token)


def _other_sheet(request: PageRequest, upload: Upload) -> HttpResponse:
    try:
        another_sheet(installation.records(), upload, request.POST["sheet"])
    except PaquebotError as error:
        messages.error(request, told(error))
    return redirect("import_table", request.project.name, upload.token)


def _carry_out(request: PageRequest, upload: Upload) -> HttpResponse:
    target = _target(request, upload)
    choice = upload.choice
    try:
        if not under_way(upload) and _last_import(target) != choice["based_on"]:
            upload = _foresee(upload, target, choice)
            messages.warning(request, gettext(CHANGED_MEANWHILE).format(table=target.name))
            return redirect("import_changes", request.project.name, upload.token)
    except PaquebotError as error:
        return _changes_page(request, upload, told(_renamed(error, upload)))
    if _asks_again(choice) and not under_way(upload) and request.POST.get("confirmed", "").strip() != target.name:
        return _changes_page(request, upload, gettext(NOT_CONFIRMED).format(table=target.name))
    return _outcome(request, begin(installation.records(), upload, target, WAIT_SECONDS))


@seen_by(EDITORS)
@require_safe
def progress(request: PageRequest, project: str, token: str) -> HttpResponse:
    """How far the import has come: a page that survives a reload, and its part that asks again by itself."""
    try:
        upload = find_upload(installation.records(), request.project, token)
    except CommandError as error:
        return _lead(request, _gone(request, error))
    return _lead(request, _outcome(request, upload))


def _lead(request: PageRequest, answer: HttpResponse) -> HttpResponse:
    """A part of a page cannot be redirected: it is told where the page goes."""
    if request.headers.get("HX-Request") and answer.status_code == HTTPStatus.FOUND:
        return HttpResponse(headers={"HX-Redirect": answer.headers["Location"]})
    return answer


def _outcome(request: PageRequest, upload: Upload) -> HttpResponse:
    """The table once the import has ended well, what is wrong when it has not, how far it has come until then."""
    state = state_of(upload)
    name = request.project.name
    if state is None:
        return redirect("import_changes", name, upload.token)
    if "error" in state:
        return redirect("import_changes", name, upload.token)
    if "result" in state:
        return _ended(request, upload, state["result"])
    if request.method == "POST":
        return redirect("import_progress", name, upload.token)
    known = {"upload": upload, "name": upload.choice["name"], "steps": _steps(state), "seconds": time.time() - state["begun"]}
    part = request.headers.get("HX-Request")
    return render(request, "data/import_moving.html" if part else "data/import_progress.html", {**known, "state": state})


def _ended(request: PageRequest, upload: Upload, result: dict[str, int]) -> HttpResponse:
    drop_upload(upload)
    counts = {name: number(result[name]) for name in ("added", "changed", "removed")}
    anything = result["added"] or result["changed"] or result["removed"]
    text = gettext(IMPORTED if anything else NOTHING_NEW)
    messages.success(request, text.format(file=upload.file_name, **counts))
    return redirect("table", request.project.name, upload.choice["name"])


def _steps(state: dict[str, Any]) -> list[dict[str, str]]:
    """Each step with `done`, `running` or `ahead`."""
    reached = STEPS.index(state["step"])
    labels = {"read": translatable("Reading the file"), "compare": translatable("Comparing"), "write": translatable("Writing")}
    return [
        {"label": gettext(labels[step]), "status": "done" if place < reached else "running" if place == reached else "ahead"}
        for place, step in enumerate(STEPS)
    ]


def _foresee(upload: Upload, target: Target, values: dict[str, Any]) -> Upload:
    """Judges the file against the table, and keeps what was chosen and found."""
    try:
        foreseen = foresee_file(installation.records(), target, upload.file, values["mode"])
    except PaquebotError as error:
        raise _renamed(error, upload) from error
    choice = {
        "table": values["table"],
        "name": target.name,
        "key": list(target.key),
        "chosen_key": list(values.get("key", values.get("chosen_key", ()))),
        "is_contact_list": target.is_contact_list,
        "names": dict(target.names),
        "mode": values["mode"],
        "types": dict(target.types),
        "most_dropped": values["most_dropped"],
        "based_on": _last_import(target),
        "foreseen": _plain(foreseen),
    }
    return remember(upload, choice)


def _changes_page(request: PageRequest, upload: Upload, refusal: str = "") -> HttpResponse:
    target = _target(request, upload)
    table = Table.objects.filter(project=request.project, name=target.name).first()
    result = upload.choice["foreseen"]["result"]
    after = [Field(column["name"], kind_of(column["type"])) for column in result["columns"]]
    known = {
        "upload": upload,
        "step": 3,
        "table": table,
        "name": target.name,
        "mode": upload.choice["mode"],
        "result": result,
        "anew": upload.choice["foreseen"]["anew"],
        "share": math.ceil(upload.choice["foreseen"].get("share_dropped", 0) * 100),
        "asks_again": _asks_again(upload.choice),
        "nothing": not (result["added"] or result["changed"] or result["removed"]),
        "examples": upload.choice["foreseen"]["examples"],
        "columns": after if table is None else [],
        "new_columns": [field for field in after if field.name in result["columns_added"]],
        "lost_columns": result["columns_missing"],
        "used_by": uses_in(request.project).tables.get(target.name, []),
        "refusal": refusal,
    }
    return render(request, "data/import_changes.html", known, status=422 if refusal else 200)


def _target(request: PageRequest, upload: Upload) -> Target:
    choice = upload.choice
    return Target(
        request.project,
        choice["name"],
        tuple(choice["key"]),
        choice["is_contact_list"],
        names=choice["names"],
        types=choice.get("types", {}),
    )


def _last_import(target: Target) -> int | None:
    found = Import.objects.filter(table__project=target.project, table__name=target.name).order_by("-id").first()
    return found.id if found else None


def _plain(foreseen: Foreseen) -> dict[str, Any]:
    examples = [asdict(row) for row in foreseen.examples]
    found = {"result": asdict(foreseen.result), "examples": examples, "anew": foreseen.anew}
    return {**found, "share_dropped": foreseen.result.share_dropped}


def _asks_again(choice: dict[str, Any]) -> bool:
    """Whether so much would go that somebody must write the table's name."""
    share = choice["foreseen"].get("share_dropped", 0)
    return bool(choice["mode"] == "replace" and share * 100 > choice.get("most_dropped", 100))


def _renamed(error: PaquebotError, upload: Upload) -> PaquebotError:
    return named_for_people(error, upload.file, upload.file_name) if isinstance(error, SourceError) else error


def _beside(error: PaquebotError, form: TargetForm) -> str | None:
    field = _BESIDE.get(error.problem)
    is_new = bool(form.target.key)
    return "table" if field == "key" and not is_new else field


def _columns(upload: Upload, form: TargetForm) -> list[dict[str, Any]]:
    """The file's columns with a few of their values, and whether each is in the key."""
    sample, unique, keys = upload.facts["sample"], set(upload.facts["unique"]), form.chosen_keys
    return [
        {
            "field": field,
            "values": [row[place] for row in sample if row[place]][:3],
            "is_unique": field.name in unique,
            "is_key": field.name in keys,
            "called": form[f"as_{place}"],
            "type": form[f"type_{place}"],
        }
        for place, field in enumerate(upload.fields)
    ]


def _gone(request: PageRequest, error: CommandError) -> HttpResponse:
    messages.warning(request, told(error))
    return redirect("import", request.project.name)
