"""History and the page of a run in a real browser: live while it runs, by keyboard, accessible, without JavaScript."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fixtures.browser import axe
from fixtures.crossing import make_export, make_run
from fixtures.pages import PASSWORD

FAILURE = {"code": "a.b", "message": "The server is full.", "hint": "Make room.", "retryable": True, "parameters": {}}


@pytest.fixture
def export(cast):
    from paquebot.records.models import Table

    Table.objects.create(project=cast.project, name="people", is_contact_list=True, key=["code"], columns=["code", "email"])
    return make_export(cast.project, "unsubscribed", "Unsubscribed of the day")


@pytest.fixture
def look(chromium, address):
    """Opens a page as Alice; what the browser complains of is kept in `complaints`."""
    contexts = []

    def opened(path, width=1440, theme="light", **more):
        size = {"width": width, "height": 800}
        context = chromium.new_context(
            base_url=address, viewport=size, color_scheme=theme, locale="en", reduced_motion="reduce", **more
        )
        contexts.append(context)
        page = context.new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
        page.goto("/sign-in/")
        page.fill("[name=username]", "alice@example.org")
        page.fill("[name=password]", PASSWORD)
        page.press("[name=password]", "Enter")
        page.wait_for_url("**/p/letters/")
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()


def running(export):
    from django.utils import timezone

    from paquebot.records.models import RunStep

    begun = timezone.now() - timedelta(seconds=10)
    progress = {"step": "send", "rows": 0, "size_bytes": 400_000}
    run = make_run(export, "running", attempt=1, started_at=begun, finished_at=None, size_bytes=1_000_000, progress=progress)
    RunStep.objects.create(run=run, attempt=1, name="send", status="running", started_at=begun)
    return run


def test_a_run_is_followed_to_its_end_without_a_reload(export, look):
    from django.utils import timezone

    from paquebot.records.models import Run, RunStep

    run = running(export)
    page = look(f"/p/letters/runs/{run.id}/")
    assert page.locator("text=400 kB of 1 MB").count() == 1
    page.evaluate("window.notReloaded = true")
    Run.objects.filter(id=run.id).update(progress={"step": "send", "rows": 0, "size_bytes": 700_000})
    page.wait_for_selector("text=700 kB of 1 MB")
    RunStep.objects.filter(run=run).update(status="done", finished_at=timezone.now(), detail={"size_bytes": 1_000_000})
    ended = {"status": "delivered", "finished_at": timezone.now(), "verification": "size", "remote_path": "/in/x.csv"}
    Run.objects.filter(id=run.id).update(**ended)
    page.wait_for_selector("summary:has-text('Retry')")
    assert page.locator("text=Cancel this run").count() == 0
    assert page.locator("#run .state-good").count() == 1
    assert page.locator("#run").count() == 1
    assert page.evaluate("window.notReloaded") is True
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(1500)
    assert asked == []
    assert page.complaints == []


def test_cancelling_and_coming_back_by_keyboard(export, look):
    from paquebot.records.models import Run

    run = running(export)
    page = look(f"/p/letters/runs/{run.id}/")
    page.locator("button:has-text('Cancel this run')").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".state:has-text('Cancelling')")
    assert Run.objects.get(id=run.id).status == "cancelling"
    page.reload()
    assert page.locator("button:has-text('Cancel this run')").is_disabled()


def test_retry_opens_two_choices_by_keyboard(export, look):
    from paquebot.records.models import Run

    run = make_run(export, "failed", error=FAILURE)
    page = look(f"/p/letters/runs/{run.id}/")
    page.locator("summary:has-text('Retry')").focus()
    page.keyboard.press("Enter")
    assert page.locator(".choice:visible").count() == 2
    assert page.locator(".choice").first.is_disabled()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: not url.endswith(f"/runs/{run.id}/"))
    assert Run.objects.latest("id").trigger == "retry"
    assert page.complaints == []


def test_chosen_lines_bring_up_what_can_be_done(export, look):
    from paquebot.records.models import Run

    for _ in range(5):
        make_run(export)
    page = look("/p/letters/history/")
    bar = page.locator("#chosen-acts")
    assert not bar.is_visible()
    page.locator("input[name=run]").nth(1).check()
    page.locator("input[name=run]").nth(3).check()
    assert bar.is_visible()
    assert page.locator("[data-chosen]").inner_text() == "2 / 5"
    page.locator("[data-choose-all]").check()
    assert page.locator("input[name=run]:checked").count() == 5
    page.locator("input[name=run]").nth(0).uncheck()
    bar.locator("button:has-text('Ignore')").click()
    page.wait_for_selector("text=4 lines are ignored now.")
    assert Run.objects.filter(ignored_at=None).count() == 1
    assert page.complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_is_accessible_and_as_wide_as_the_window(export, look, theme):
    long = "un_nom_de_fichier_vraiment_tres_long_" * 4 + ".csv.gz.gpg"
    delivered = make_run(export, verification="read_back_sha256", remote_path=f"/in/{long}", file_name=long, sha256="ab" * 32)
    failed = make_run(export, "failed", error=FAILURE, file_name="")
    busy = running(export)
    for width in (1440, 390):
        page = look("/p/letters/history/", width, theme)
        for path in ("history/", *(f"runs/{run.id}/" for run in (delivered, failed, busy))):
            page.goto(f"/p/letters/{path}")
            if path == "history/":
                page.locator("input[name=run]").first.check()
            for closed in page.locator("details.more > summary, .run-actions summary").all():
                closed.click()
            assert axe(page) == [], f"{path} at {width}"
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} at {width}"
        assert page.complaints == []


def test_without_javascript_a_run_is_read_retried_and_ignored(export, look):
    from paquebot.records.models import Run

    run = make_run(export, "failed", error=FAILURE)
    page = look(f"/p/letters/runs/{run.id}/", 390, java_script_enabled=False)
    page.click("button:has-text('Ignore')")
    assert page.locator("text=Nothing was deleted.").count() == 1
    page.click("summary:has-text('Retry')")
    page.click("button:has-text('Make it again')")
    assert Run.objects.latest("id").retry_of_id == run.id
    page.goto("/p/letters/history/?ignored=only")
    page.check("input[name=run]")
    page.click("button:has-text('Ignore no longer')")
    run.refresh_from_db()
    assert run.ignored_at is None
