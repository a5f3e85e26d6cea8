"""The unsubscribe clock, from an import on a real lake to the delivery that tells of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fixtures.crossing import make_run
from fixtures.listening import listen

BASE = "code,email,opt_in\n1,a@example.org,yes\n2,b@example.org,yes\n3,c@example.org,no\n4,d@example.org,yes\n"


@pytest.fixture
def people(served, cast, tmp_path):
    """A contact list of which one opted out before anybody looked."""
    from paquebot.consent import Consent
    from paquebot.records.importing import Target, import_file
    from paquebot.records.unsubscribes import keep_consent

    def bring(text, mode="merge"):
        file = tmp_path / "people.csv"
        file.write_text(text)
        return import_file(served, Target(cast.project, "people", ("code",), is_contact_list=True), file, mode).snapshot

    bring(BASE)
    cast.project.refresh_from_db()
    keep_consent(cast.project, Consent("opt_in", ("no",), ceiling_hours=24))
    return bring


def export_of(project, name, content=None, server="quay"):
    from paquebot.export import ExportDefinition
    from paquebot.records.models import Export, Server

    place = Server.objects.get_or_create(project=project, name=server, kind="folder", options={"path": server})[0]
    written = {
        "name": name,
        "state": "active",
        "destination": {"server": server},
        "schedule": {"every": "day", "at": ["06:30"]},
        **({"content": content} if content else {}),
    }
    document = ExportDefinition.from_document(written).to_document()
    return Export.objects.create(project=project, name=name, state="active", definition=document, server=place)


def opt_outs():
    from paquebot.records.models import OptOuts

    return list(OptOuts.objects.order_by("snapshot").values_list("count", flat=True))


def clock(project, now=None):
    from paquebot.records.unsubscribes import clocks

    (only,) = clocks(project, now)
    return only


def test_who_opts_out_is_counted_once_whatever_brings_it_and_the_first_import_counts_nobody(people):
    assert opt_outs() == []
    people("code,opt_in\n1,no\n3,no\n")
    assert opt_outs() == [1]
    people("code,email,opt_in\n9,z@example.org,NO\n2,new@example.org,yes\n")
    assert opt_outs() == [1, 1]
    people(
        BASE.replace("2,b@example.org,yes", "2,b@example.org,no").replace("1,a@example.org,yes", "1,a@example.org,no"),
        "replace",
    )
    assert opt_outs() == [1, 1, 1]


def test_a_destination_is_timed_from_the_opt_out_to_the_verified_delivery_that_carries_it(people, cast):
    from paquebot.records.models import OptOuts, Run

    export = export_of(cast.project, "daily")
    before = people("code,opt_in\n1,yes\n")
    assert clock(cast.project).waiting_since is None
    snapshot = people("code,opt_in\n1,no\n2,no\n")
    begun = OptOuts.objects.get().at
    shown = clock(cast.project, begun + timedelta(hours=3))
    assert (shown.server, shown.exports, shown.waiting, shown.age) == ("quay", ("daily",), 2, timedelta(hours=3))
    assert not shown.is_late
    make_run(export, "delivered", snapshot=before, verification="size")
    make_run(export, "failed", snapshot=snapshot)
    make_run(export, "delivered", snapshot=snapshot, verification="")
    assert clock(cast.project).waiting == 2, "none of these proves that the opt-outs arrived"
    known = make_run(export, "delivered", snapshot=snapshot, verification="size")
    Run.objects.filter(id=known.id).update(finished_at=begun + timedelta(hours=5))
    shown = clock(cast.project, begun + timedelta(hours=6))
    assert (shown.waiting, shown.longest, shown.is_late) == (0, timedelta(hours=5), False)


def test_exports_carry_opt_outs_when_what_they_send_shows_them(people, cast):
    from paquebot.records.models import Query
    from paquebot.records.unsubscribes import carriers

    project = cast.project
    Query.objects.create(project=project, name="out", sql="select code from people where opt_in = 'no'")
    Query.objects.create(project=project, name="other", sql="select code, opt_in_date from people")
    export_of(project, "all")
    export_of(project, "chosen", {"contacts": {"fields": ["code", "opt_in"]}})
    export_of(project, "without", {"contacts": {"fields": ["code", "email"]}})
    where = {"all": [{"field": "opt_in", "op": "=", "value": "no"}]}
    export_of(project, "criterion", {"contacts": {"fields": ["code"], "where": where}})
    export_of(project, "by_query", {"query": "out"})
    export_of(project, "other_query", {"query": "other"})
    paused = export_of(project, "paused")
    paused.state = "paused"
    paused.save()
    assert [export.name for export in carriers(project)] == ["all", "by_query", "chosen", "criterion"]


def test_beyond_the_ceiling_whoever_listens_for_lateness_is_told_once(people, cast):
    from paquebot.records.models import Letter, Notice, OptOuts
    from paquebot.records.unsubscribes import look

    export = export_of(cast.project, "daily")
    listen(export, "alice@example.org", "late")
    people("code,opt_in\n1,no\n2,no\n")
    begun = OptOuts.objects.get().at
    assert look(begun + timedelta(hours=23)) == 0
    assert look(begun + timedelta(hours=25)) == 1
    assert look(begun + timedelta(hours=26)) == 0
    notice = Notice.objects.get()
    assert (notice.event, notice.facts["opt_outs"], notice.facts["hours"], Letter.objects.count()) == ("late", 2, 24, 1)
    from paquebot.language import translator
    from paquebot.records.alerts.letters import compose

    told = compose(notice, "en", translator("en"), "", as_person=True)
    assert told.paragraphs == (
        "The destination “quay” still does not know, after 24 hours, of people who opted out: "
        "no file that tells it was delivered.",
    )
    assert ("People who opted out", "2") in told.lines


def test_the_clock_shows_on_its_page_the_home_page_and_the_destination(people, cast):
    export = export_of(cast.project, "daily")
    make_run(export)
    people("code,opt_in\n1,no\n")
    for address in ("unsubscribes/", "", "destinations/quay/"):
        assert "1 opt-out it does not know of" in cast.alice.get(f"/p/letters/{address}").text, address


def test_the_field_is_named_on_its_page_and_a_wrong_one_is_refused_beside_it(people, cast):
    page = "/p/letters/unsubscribes/"
    assert page in cast.alice.get("/p/letters/data/").text
    wrong = cast.alice.post(page, {"field": "opt_inn", "opted_out": "no", "do": "save"})
    assert wrong.status_code == 422
    assert "The table “people” has no field “opt_inn”. Did you mean “opt_in”?" in wrong.text
    assert cast.alice.post(page, {"field": "email", "opted_out": "x\ny", "ceiling_hours": "5", "do": "save"}).status_code == 302
    cast.project.refresh_from_db()
    assert cast.project.consent == {"field": "email", "opted_out": ["x", "y"], "table": "", "ceiling_hours": 5}
    assert cast.bob.post(page, {"do": "forget"}).status_code == 403
    cast.alice.post(page, {"do": "forget"})
    cast.project.refresh_from_db()
    assert cast.project.consent is None


PROJECT = """
version: 1
project: {name: r, consent: {table: regions, field: population, opted_out: ["1"], ceiling_hours: 4}}
relational_tables:
  - {name: regions, import: "{demo}/data/regions.csv", key: [region]}
"""


def test_a_project_file_names_the_field(installation):
    installation.apply(PROJECT)
    file = installation.root / "project.yaml"
    assert installation.document("apply", str(file))["changes"] == []
    whole = file.read_text()
    file.write_text(whole.replace(', consent: {table: regions, field: population, opted_out: ["1"], ceiling_hours: 4}', ""))
    planned = installation.document("plan", str(file), exit_code=3)["changes"]
    assert [(one["kind"], one["name"]) for one in planned] == [("unsubscribe clock", "population")]
    assert [one["kind"] for one in installation.document("apply", str(file))["changes"]] == ["unsubscribe clock"]
    assert "consent" not in installation.command("dump").stdout
    assert installation.document("plan", str(file))["changes"] == []
    file.write_text(whole.replace("population", "populations"))
    refused = installation.command("apply", str(file))
    assert refused.returncode == 2
    assert "has no field “populations”. Did you mean “population”?" in " ".join(refused.stderr.split()).replace(" Did", " Did")
