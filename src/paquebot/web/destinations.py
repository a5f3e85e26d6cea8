"""Can every partner be reached? Destinations: made by kind, changed, examined, removed. Their secrets are never shown again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from paquebot.delivery.doctor import Finding
from paquebot.errors import DeliveryError, PaquebotError
from paquebot.language import translatable
from paquebot.options import Option, read
from paquebot.plugins import find, names
from paquebot.project_parts import ServerDefinition
from paquebot.records import canaries, servers, unsubscribes
from paquebot.records.destinations import keeps_rows
from paquebot.records.models import Server
from paquebot.records.models.people import OWNER
from paquebot.records.uses import uses_in
from paquebot.records.words import destination_kind, destination_purpose
from paquebot.records.writing import CHANGED_MEANWHILE, version_of
from paquebot.server_keys import CANARY, LIMIT, SERVER, USUAL_CARE, ServerCare
from paquebot.web import installation, named
from paquebot.web.access import EDITORS, OWNERS, VIEWERS, PageRequest, may, seen_by
from paquebot.web.checking import asked, checked
from paquebot.web.listing import Column, Filter, Listing
from paquebot.web.option_form import OptionForm
from paquebot.web.telling import place_error, told

CREATED = translatable("“{name}” is saved. Test it now: nothing was sent yet.")
SAVED = translatable("“{name}” is saved.")
REMOVAL = named.Removal(
    servers.remove_server, translatable("The destination “{name}” is deleted."), "destination", "destinations"
)
APPROVED = translatable("The fingerprint is approved: from now on “{name}” must show it.")

ICONS = {
    "sftp": "server",
    "ftps": "server",
    "ftp": "server",
    "webdav": "server",
    "s3": "database",
    "gcs": "database",
    "azure": "database",
    "folder": "folder",
    "email": "mail",
    "bigquery": "table",
}


def _kinds(request: HttpRequest) -> list[tuple[str, str]]:
    return [(kind, destination_kind(kind, gettext)) for kind in names("destinations")]


def _tell(rows: Sequence[Any]) -> None:
    """Who uses each server, and what it last received."""
    users, deliveries = uses_in(rows[0].project).servers, servers.last_deliveries(rows[0].project)
    examined = canaries.canaries_of(rows)
    for server in rows:
        server.users, server.delivery = users.get(server.name, []), deliveries.get(server.name)
        server.examined = examined.get(server.pk)
        server.risks = [gettext(risk) for risk in servers.risks_of(server)]


DESTINATIONS = Listing(
    name="destinations",
    columns=(
        Column("name", translatable("Name"), lambda server: server.name, sort="name"),
        Column("kind", translatable("Kind"), lambda server: destination_kind(server.kind, gettext), sort="kind", narrow=False),
        Column("address", translatable("Address"), servers.address_of),
        Column("used", translatable("Used by"), lambda server: ", ".join(use.label for use in server.users), narrow=False),
        Column(
            "delivered",
            translatable("Last delivery"),
            lambda server: server.delivery.finished_at if server.delivery else None,
            numeric=True,
        ),
        Column(
            "examined",
            translatable("Last periodic test"),
            lambda server: server.examined.examined_at if server.examined else None,
            numeric=True,
        ),
    ),
    filters=(Filter("kind", translatable("Kind"), _kinds),),
    order="name",
    prepare=_tell,
)


@seen_by(VIEWERS)
@require_safe
def destinations(request: PageRequest, project: str) -> HttpResponseBase:
    """The list."""
    chosen = Server.objects.select_related("project").filter(project=request.project)
    return DESTINATIONS.answer(request, chosen, "destinations/list.html")


@seen_by(OWNERS)
@require_safe
def choose_kind(request: PageRequest, project: str) -> HttpResponse:
    """A new destination: first of which kind."""
    kinds = [
        {
            "name": kind,
            "label": label,
            "purpose": destination_purpose(kind, gettext),
            "icon": ICONS.get(kind, "external-link"),
            "risk": gettext(risk) if (risk := find("destinations", kind).RISK) else "",
        }
        for kind, label in _kinds(request)
    ]
    return render(request, "destinations/kinds.html", {"kinds": kinds})


@seen_by(OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: PageRequest, project: str, kind: str) -> HttpResponse:
    """A new destination: its name, and the options of its kind."""
    if kind not in names("destinations"):
        raise Http404
    name_form = named.NameForm(request.POST or None, use_required_attribute=False)
    form, care = OptionForm(servers.options_of(kind), request.POST or None), _care_form(request.POST or None)
    if asked(request):
        return checked(name_form, form, care)
    if name_form.is_valid() & form.is_valid() & care.is_valid():
        try:
            written = ServerDefinition(name_form.cleaned_data["name"], kind, form.values(), _care(care))
            made = servers.add_server(installation.records(), request.project, written)
        except PaquebotError as error:
            _place(name_form, form, error)
        else:
            messages.success(request, gettext(CREATED).format(name=made.name))
            return redirect("destination", project, made.name)
    risk = find("destinations", kind).RISK
    known = {
        "name_form": name_form,
        "kind": kind,
        "risks": [gettext(risk)] if risk else [],
        **_fields(form, care),
        **_folders(kind),
    }
    return render(request, "destinations/new.html", known, status=422 if form.is_bound else 200)


@seen_by(VIEWERS)
@require_http_methods(["GET", "HEAD", "POST"])
def destination(request: PageRequest, project: str, name: str) -> HttpResponse:
    """One destination: owners change it, the others look."""
    found = named.found(Server, request, name)
    if request.method != "POST" or not may(request, OWNER):
        return _page(request, found)
    form, care = _option_form(found, request), _care_form(_written(request), found)
    if asked(request):
        return checked(form, care)
    if not form.is_valid() & care.is_valid():
        return _page(request, found, (form, care))
    written = ServerDefinition(found.name, found.kind, form.values(), _care(care))
    version = request.POST.get("version", "")
    try:
        servers.change_server(installation.records(), found, written, kept=form.kept_secrets, version=version)
    except PaquebotError as error:
        return _refused(request, found, (form, care), error)
    messages.success(request, gettext(SAVED).format(name=name))
    return redirect("destination", project, name)


@seen_by(EDITORS)
@require_POST
def examine(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Walks the whole delivery with a small file and tells each step."""
    found = named.found(Server, request, name)
    folder = request.POST.get("folder", "").strip()
    known = _examined(servers.examine_server(installation.records(), found, folder), folder)
    if request.headers.get("HX-Request"):
        return render(
            request,
            "destinations/findings.html",
            {"server": found, "version": version_of(found), "keeps_rows": keeps_rows(found.kind), **known},
        )
    return _page(request, found, **known)


@seen_by(OWNERS)
@require_POST
def approve(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Writes down the fingerprint the server offered (of its host key or its certificate), as the one to expect."""
    found = named.found(Server, request, name)
    try:
        servers.approve_identity(
            found, request.POST.get("option", ""), request.POST.get("fingerprint", ""), request.POST.get("version", "")
        )
    except PaquebotError as error:
        messages.error(request, told(error))
    else:
        messages.success(request, gettext(APPROVED).format(name=name))
    return redirect("destination", project, name)


@seen_by(OWNERS)
@require_POST
def remove(request: PageRequest, project: str, name: str) -> HttpResponse:
    """Deletes the destination, unless an export uses it."""
    server = named.found(Server, request, name)
    return named.removed(request, server, REMOVAL)


def _option_form(server: Server, request: PageRequest) -> OptionForm:
    return OptionForm(servers.options_of(server.kind), _written(request), stored=server.options, sealed=server.secrets)


def _written(request: PageRequest) -> Any:
    return request.POST if request.method == "POST" and "version" in request.POST and "do" in request.POST else None


def _care_form(written: Any, server: Server | None = None) -> OptionForm:
    """How the server is looked after, whatever its kind."""
    care = servers.care_of(server) if server else USUAL_CARE
    stored = {"limit": care.limit, "every": care.canary, "write": care.canary_writes}
    return OptionForm((LIMIT, *CANARY.entries), written, stored=stored, prefix="care")


def _care(form: OptionForm) -> ServerCare:
    told = form.values()
    limit = {"limit": told.pop("limit")} if "limit" in told else {}
    return ServerCare.of(read(SERVER, {**limit, "canary": told}))


Forms = tuple[OptionForm, OptionForm]
"""The options of a kind, and how the server is looked after."""


def _page(request: PageRequest, server: Server, forms: Forms | None = None, **more: Any) -> HttpResponse:
    wrong = forms is not None and forms[0].is_bound
    form, care = forms or (_option_form(server, request), _care_form(None, server))
    known = {
        "server": server,
        "address": servers.address_of(server),
        "version": version_of(server),
        "used_by": uses_in(request.project).servers.get(server.name, []),
        "delivery": servers.last_deliveries(request.project).get(server.name),
        "clock": next((clock for clock in unsubscribes.clocks(request.project) if clock.server == server.name), None),
        "folder": next(iter(servers.folders_of(server)), ""),
        "told": _told_options(server),
        "keeps_rows": keeps_rows(server.kind),
        "risks": [gettext(risk) for risk in servers.risks_of(server)],
        "examined": canaries.canaries_of([server]).get(server.pk),
        "canary_every": server.canary_every,
        **_fields(form, care),
        **_folders(server.kind),
    }
    return render(request, "destinations/destination.html", {**known, **more}, status=422 if wrong else 200)


def _refused(request: PageRequest, server: Server, forms: Forms, error: PaquebotError) -> HttpResponse:
    """What was typed stays; where somebody else was faster, theirs is shown beside it."""
    form = forms[0]
    theirs: list[dict[str, Any]] = []
    if error.problem is CHANGED_MEANWHILE:
        server.refresh_from_db()
        typed = form.values()
        theirs = [line for line in _told_options(server) if server.options.get(line["name"]) != typed.get(line["name"])]
    _place(None, form, error)
    return _page(request, server, forms, theirs=theirs)


def _place(name_form: named.NameForm | None, form: OptionForm, error: PaquebotError) -> None:
    path = getattr(error, "path", ())
    if name_form is not None and (path[:1] == ("name",) or error.code == "name.taken"):
        place_error(name_form, error, "name")
    else:
        form.place_error(error, "path" if isinstance(error, DeliveryError) else None)


def _fields(form: OptionForm, care: OptionForm) -> dict[str, Any]:
    """The form's fields: what everybody needs, and behind a fold the options that have no label of their own."""
    main, others = [list(form.shown(labelled=labelled)) for labelled in (True, False)]
    others.append(care["limit"])
    unfold = any(field.errors for field in others)
    return {
        "form": form,
        "main_fields": main,
        "care_fields": [care["every"], care["write"]],
        "other_fields": others,
        "unfold": unfold,
    }


def _folders(kind: str) -> dict[str, Any]:
    return {
        "allowed_folders": [str(folder) for folder in installation.records().home.allowed_folders] if kind == "folder" else []
    }


def _told_options(server: Server) -> list[dict[str, Any]]:
    """The options as one reads them; of a secret only whether there is one."""
    lines = []
    for option in servers.options_of(server.kind):
        if not isinstance(option, Option) or not option.label:
            continue
        value = bool(server.secrets.get(option.name)) if option.secret else server.options.get(option.name)
        if value not in (None, "", False):
            line = {"name": option.name, "label": gettext(option.label), "value": value, "secret": option.secret}
            lines.append(line)
    return lines


def _examined(findings: list[Finding], folder: str) -> dict[str, Any]:
    failed = next((finding.error for finding in findings if finding.error), None)
    option = failed.parameters.get("option") if failed else None
    return {
        "findings": findings,
        "failed": failed,
        "told_error": told(failed) if failed else "",
        "offered": failed.parameters.get("offered") if failed and option else None,
        "option": option,
        "folder": folder,
    }
