"""What a person does about one run: retry it in one of two ways, ignore it, cancel it, release or
refuse the file it holds. Each leads back to a page that tells."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from paquebot.engine import asking
from paquebot.errors import PaquebotError, describe, render
from paquebot.language import translatable
from paquebot.records import run_log
from paquebot.records.holding import is_uncertain
from paquebot.web.access import OPERATORS, PageRequest, seen_by
from paquebot.web.installation import records
from paquebot.web.runs.page import found

REFUSED = translatable("The file is refused: nothing was sent, and it is no longer kept.")
ENDED = translatable("The run has ended: the file is not sent again, and is no longer kept.")


@seen_by(OPERATORS)
@require_POST
def retry(request: PageRequest, project: str, run: int) -> HttpResponse:
    """`how=same` sends the kept file again, `how=fresh` makes it again; leads to the new run."""
    old = found(request, run)
    try:
        if request.POST.get("how") == "fresh":
            again = asking.make_again(old, request.user)
        else:
            again = asking.send_again(records(), old, request.user)
    except PaquebotError as error:
        return _refused(request, project, run, error)
    return redirect("run", project, again.id)


@seen_by(OPERATORS)
@require_POST
def ignore(request: PageRequest, project: str, run: int) -> HttpResponse:
    """Ignores the run, or with `undo` puts it back."""
    try:
        if request.POST.get("undo"):
            run_log.notice(found(request, run), request.user)
            messages.success(request, gettext("The run stands in history again."))
        else:
            run_log.ignore(found(request, run), request.user)
            messages.success(request, gettext("History leaves this run out now. Nothing was deleted."))
    except PaquebotError as error:
        return _refused(request, project, run, error)
    return redirect("run", project, run)


@seen_by(OPERATORS)
@require_POST
def cancel(request: PageRequest, project: str, run: int) -> HttpResponse:
    """Asks that the run stops."""
    try:
        asking.cancel(found(request, run), request.user)
    except PaquebotError as error:
        return _refused(request, project, run, error)
    return redirect("run", project, run)


@seen_by(OPERATORS)
@require_POST
def release(request: PageRequest, project: str, run: int) -> HttpResponse:
    """Lets the very file that is held leave."""
    try:
        asking.release(found(request, run), request.user)
        messages.success(request, gettext("The file is released: it leaves as it is."))
    except PaquebotError as error:
        return _refused(request, project, run, error)
    return redirect("run", project, run)


@seen_by(OPERATORS)
@require_POST
def refuse(request: PageRequest, project: str, run: int) -> HttpResponse:
    """Ends the held run; its file is removed and nothing is sent."""
    try:
        held = found(request, run)
        sent = is_uncertain(held)
        asking.refuse(records(), held, request.user)
        messages.success(request, gettext(ENDED if sent else REFUSED))
    except PaquebotError as error:
        return _refused(request, project, run, error)
    return redirect("run", project, run)


@seen_by(OPERATORS)
@require_POST
def arrived(request: PageRequest, project: str, run: int) -> HttpResponse:
    """The partner has the file of a run whose outcome was unknown."""
    try:
        asking.mark_arrived(found(request, run), request.user)
        messages.success(request, gettext("The run is delivered, on your word."))
    except PaquebotError as error:
        return _refused(request, project, run, error)
    return redirect("run", project, run)


def _refused(request: PageRequest, project: str, run: int, error: PaquebotError) -> HttpResponse:
    told = render(describe(error), gettext)
    messages.error(request, f"{told['message']} {told['hint']}")
    return redirect("run", project, run)
