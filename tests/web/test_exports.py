"""Exports: the list, one export part by part, what stands beside it, and what can be done to it."""

import json
import re
from datetime import date

import pytest

from fixtures.crossing import make_export, make_run

LIST = "/p/letters/exports/"
PAGE = "/p/letters/exports/unsubscribed/"


@pytest.fixture
def export(cast):
    return make_export(cast.project, "unsubscribed", "Unsubscribed of the day")


def part(export, name, /, **values):
    """What a browser sends when the part is saved."""
    export.refresh_from_db()
    fields = {f"{name}-{key}": value for key, value in values.items()}
    return {"part": name, "version": export.version, "made_from": json.dumps(export.definition), **fields}


def test_the_list_tells_state_road_schedule_and_how_the_last_run_went(cast, export):
    make_run(export, "failed", rows=1234)
    page = cast.bob.get(LIST).text
    for told in ("Unsubscribed of the day", "Active", "Contact list", "quay", "Every day at 06:30", "Failed", "1,234 rows"):
        assert re.search(told, page, re.IGNORECASE), told


def test_the_list_is_filtered_and_searched(cast, export):
    make_export(cast.project, "welcome", "Welcome letters")
    assert "Welcome letters" in cast.bob.get(LIST).text
    assert "Welcome letters" not in cast.bob.get(LIST + "?search=unsub").text
    assert "Nothing matches these filters." in cast.bob.get(LIST + "?state=draft").text
    assert cast.bob.get(LIST + "?format=csv").getvalue().decode().count("\r\n") == 3


def test_an_empty_list_says_what_to_do_next_to_each(cast):
    assert "Create an automated export" in cast.alice.get(LIST).text
    assert "Ask an editor" in cast.bob.get(LIST).text
    assert "Create an automated export" not in cast.bob.get(LIST).text


def test_a_name_is_all_that_is_asked_and_the_stable_one_derives_from_it(cast):
    answer = cast.alice.post(LIST + "_new/", {"label": "Désabonnements du jour", "name": ""})
    assert answer.headers["Location"] == LIST + "desabonnements-du-jour/"
    again = cast.alice.post(LIST + "_new/", {"label": "Désabonnements du jour", "name": ""})
    assert again.headers["Location"] == LIST + "desabonnements-du-jour-2/"
    page = cast.alice.get(LIST + "desabonnements-du-jour/").text
    assert "Draft" in page or "draft" in page
    assert "?open=destination#destination" in page
    assert "?open=schedule#schedule" in page


@pytest.mark.parametrize(
    "label, name, told",
    [("", "", "This field is required."), ("X", "Not Good", "cannot be a name"), ("X", "unsubscribed", "is used twice")],
)
def test_a_wrong_name_is_told_and_kept(cast, export, label, name, told):
    answer = cast.alice.post(LIST + "_new/", {"label": label, "name": name})
    assert answer.status_code == 422
    assert told in answer.text
    assert f'value="{name}"' in answer.text or not name


def test_each_part_is_saved_and_raises_the_version(cast, export):
    answer = cast.alice.post(PAGE, part(export, "packaging", compression="gzip"))
    assert answer.headers["Location"] == PAGE + "#packaging"
    export.refresh_from_db()
    assert (export.definition["compression"], export.version) == ("gzip", 2)
    cast.alice.post(PAGE, part(export, "file", name="all_{run.id}", delimiter=";", line_ending="lf", header="on"))
    cast.alice.post(PAGE, part(export, "parameters", label="Gone", description="Nobody writes to them."))
    cast.alice.post(PAGE, part(export, "production", when_empty="no_file", if_exists="refuse", order="none"))
    cast.alice.post(PAGE, part(export, "proof", two_step=""))
    export.refresh_from_db()
    written = export.definition
    chosen = {
        "name": "all_{run.id}",
        "format": "csv",
        "delimiter": ";",
        "encoding": "utf-8",
        "header": True,
        "line_ending": "lf",
    }
    assert {key: written["file"][key] for key in chosen} == chosen
    assert (written["label"], written["description"]) == ("Gone", "Nobody writes to them.")
    assert written["production"] == {
        "mode": "complete",
        "when_empty": "no_file",
        "if_exists": "refuse",
        "order": "none",
        "twice": False,
    }
    assert written["two_step"] is False
    assert export.version == 6


def test_a_file_of_another_format_keeps_no_option_that_means_nothing_there(cast, export):
    answer = cast.alice.post(
        PAGE, part(export, "file", name="a", format="xlsx", delimiter=";", sheet="Lettres", labels="email = Courriel")
    )
    assert answer.headers["Location"] == PAGE + "#file"
    export.refresh_from_db()
    assert export.definition["file"] == {
        "name": "a",
        "format": "xlsx",
        "extension": "",
        "labels": {"email": "Courriel"},
        "header": False,
        "sheet": "Lettres",
    }
    page = cast.alice.get(PAGE).content.decode()
    assert "email = Courriel</textarea>" in page
    assert 'data-only-with="format=xlsx"' in page


def test_a_level_the_compression_does_not_have_is_told_beside_its_field(cast, export):
    answer = cast.alice.post(PAGE, part(export, "packaging", compression="gzip", compression_level="9"))
    assert answer.status_code == 422
    told = re.findall('field-error" id="([^"]*)"[^>]*><p>', answer.content.decode())
    assert told == ["id_packaging-compression_level_error"]


def test_saving_what_is_there_already_changes_nothing(cast, export):
    cast.alice.post(PAGE, part(export, "destination", server="quay", folder=""))
    export.refresh_from_db()
    assert export.version == 1


def test_a_schedule_as_people_write_it_moves_the_next_run(cast, export):
    before = export.schedule.next_at
    cast.alice.post(PAGE, part(export, "schedule", every="week", on=["monday"], at="6 h 05\n17h", timezone="America/Toronto"))
    export.refresh_from_db()
    assert export.definition["schedule"] == {
        "every": "week",
        "on": ["monday"],
        "at": ["06:05", "17:00"],
        "timezone": "America/Toronto",
    }
    export.schedule.refresh_from_db()
    assert export.schedule.next_at != before
    assert export.schedule.next_at.weekday() == 0


@pytest.mark.parametrize(
    "name, values, told",
    [
        ("schedule", {"every": "day", "at": "25:99"}, "is not a time of day"),
        ("schedule", {"every": "day", "at": ""}, "There is no time of day."),
        ("schedule", {"every": "cron", "cron": "x"}, "is not a cron expression"),
        ("schedule", {"every": "by_hand"}, "The export has neither a schedule nor a trigger."),
        ("file", {"name": "../up", "delimiter": ",", "line_ending": "lf"}, "cannot be a file name"),
        ("file", {"name": "{nobody}", "delimiter": ",", "line_ending": "lf"}, "which is not known"),
        ("destination", {"server": "quay", "folder": "../../etc"}, "leads upwards"),
        ("destination", {"server": "quay", "folder": "/etc"}, "“/etc” leads outside"),
        ("destination", {"server": "moon", "folder": ""}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_stands_beside_the_field_and_is_kept(cast, export, name, values, told):
    answer = cast.alice.post(PAGE, part(export, name, **values))
    assert answer.status_code == 422
    assert told in answer.text
    export.refresh_from_db()
    assert export.version == 1


def test_two_people_who_change_one_export_see_each_others_changes(cast, export):
    mine = part(export, "parameters", label="Mine", description="")
    cast.alice.post(PAGE, part(export, "packaging", compression="gzip"))
    cast.alice.post(PAGE, part(export, "schedule", every="day", at="7 h", timezone="America/Toronto"))
    refused = cast.alice.post(PAGE, mine)
    assert refused.status_code == 422
    assert "Somebody else changed this export" in refused.text
    assert re.search(r"<b>Compression</b>.*?<del>None</del>.*?<ins>gzip</ins>", refused.text, re.DOTALL)
    assert re.search(r"<b>Schedule</b>.*?at 0?6:30.*?<ins>Every day at 0?7:00", refused.text, re.DOTALL)
    assert 'value="Mine"' in refused.text
    again = {**mine, "version": re.search(r'name="version" value="(\d+)"', refused.text)[1]}
    assert cast.alice.post(PAGE, again).status_code == 302
    export.refresh_from_db()
    assert (export.definition["label"], export.definition["compression"]) == ("Mine", "gzip")


def test_an_export_that_is_no_longer_as_its_project_file_said_tells_the_difference(cast, export):
    from django.utils import timezone

    from paquebot.records.models import Export

    assert "project file said" not in cast.bob.get(PAGE).text, "nothing is said of an export no file describes"
    Export.objects.filter(pk=export.pk).update(applied=export.definition, applied_at=timezone.now())
    assert "project file said" not in cast.bob.get(PAGE).text
    cast.alice.post(PAGE, part(export, "parameters", label="Unsubscribed yesterday", description=""))
    page = cast.bob.get(PAGE).text
    assert "project file said" in page
    assert re.search(r"<del>Unsubscribed of the day</del>.*<ins>Unsubscribed yesterday</ins>", page)


def test_the_sentence_rewrites_itself_and_nothing_is_saved(cast, export):
    answer = cast.alice.post(PAGE + "summary/", part(export, "file", name="fresh_{run.id}", delimiter=",", line_ending="lf"))
    assert "fresh_1.csv" in answer.text
    assert "not saved yet" in answer.text
    export.refresh_from_db()
    assert export.version == 1
    wrong = cast.alice.post(PAGE + "summary/", part(export, "schedule", every="day", at="x"))
    assert "is not a time of day" in wrong.text


def test_the_sentence_speaks_french(cast, export):
    page = cast.alice.get(PAGE, headers={"accept-language": "fr"}).text
    assert re.search(r'class="sentence"[^>]*><b>Chaque jour à 6\xa0h\xa030 \(UTC\)</b>', page)


def test_the_sentence_names_the_format_in_the_persons_language(cast, export):
    widths = {"name": "a", "format": "fixed_width", "widths": "id = 5"}
    assert cast.alice.post(PAGE, part(export, "file", **widths)).status_code == 302
    assert "en <b>Largeur fixe</b>" in cast.alice.get(PAGE, headers={"accept-language": "fr"}).text
    assert "as <b>Fixed width</b>" in cast.alice.get(PAGE).text


def test_the_variables_of_names_are_shown_with_what_the_next_run_makes_of_them(cast, export):
    page = cast.alice.get(PAGE).text
    shown = re.search(r"What a file name may hold.*?</table>", page, re.DOTALL)[0]
    named = r"<code>\{export\}</code><small>The stable name of the export</small></td><td><code>unsubscribed</code>"
    assert re.search(named, shown)
    today, before = (
        re.search(rf"<code>{written}</code><small>[^<]*</small></td><td><code>(\d{{8}})</code>", shown)[1]
        for written in (r"\{run\.local_date:%Y%m%d\}", r"\{run\.local_date-1d:%Y%m%d\}")
    )
    assert (date.fromisoformat(today) - date.fromisoformat(before)).days == 1
    assert "{operation}" not in shown
    assert "{group}" not in shown


def test_an_avro_file_is_chosen_told_and_refused_a_name_its_schema_cannot_have(cast, export):
    avro = {"name": "a", "format": "avro", "avro_codec": "zstd", "record_name": "ca.example.contact", "delimiter": ";"}
    assert cast.alice.post(PAGE, part(export, "file", **avro)).status_code == 302
    export.refresh_from_db()
    assert export.definition["file"] == {
        "name": "a",
        "format": "avro",
        "extension": "",
        "avro_codec": "zstd",
        "record_name": "ca.example.contact",
    }
    page = cast.alice.get(PAGE).text
    assert "<b>Avro</b>" in page
    assert "a.avro" in page
    refused = cast.alice.post(PAGE, part(export, "file", **{**avro, "record_name": "2e"}))
    assert refused.status_code == 422
    assert "“2e” cannot be the name of a record in Avro." in refused.text
    assert 'value="2e"' in refused.text


def test_a_viewer_reads_the_settings_changes_nothing_and_sees_no_personal_data(cast, export):
    page = cast.bob.get(PAGE).text
    assert "Every day at 06:30" in page
    assert "<fieldset disabled>" in page
    assert "preview" not in page
    assert cast.bob.post(PAGE, part(export, "packaging", compression="gzip")).status_code == 403
    for address in ("preview/", "delete/"):
        assert cast.bob.get(PAGE + address).status_code == 403
    for address in ("summary/", "run/", "switch/", "duplicate/", "delete/"):
        assert cast.bob.post(PAGE + address, {"state": "paused"}).status_code == 403
    export.refresh_from_db()
    assert (export.version, export.state) == (1, "active")


def test_pausing_stops_the_schedule_and_activating_starts_it_again(cast, export):
    cast.alice.post(PAGE + "switch/", {"state": "paused"})
    export.refresh_from_db()
    export.schedule.refresh_from_db()
    assert (export.state, export.definition["state"], export.schedule.enabled) == ("paused", "paused", False)
    assert cast.alice.post(PAGE + "switch/", {"state": "active", "from": "list"}).headers["Location"] == LIST
    export.schedule.refresh_from_db()
    assert export.schedule.enabled


def test_a_draft_cannot_be_activated_before_it_has_all_it_needs(cast):
    cast.alice.post(LIST + "_new/", {"label": "New"})
    answer = cast.alice.post(LIST + "new/switch/", {"state": "active"}, follow=True)
    assert "The export has no destination." in answer.text
    assert "disabled" in re.search(r'name="state" value="active"[^>]*>', answer.text)[0]


def test_a_copy_is_a_draft_like_the_original(cast, export):
    answer = cast.alice.post(PAGE + "duplicate/")
    assert answer.headers["Location"] == LIST + "unsubscribed-of-the-day-copy/"
    copy = type(export).objects.get(name="unsubscribed-of-the-day-copy")
    assert (copy.state, copy.definition["label"]) == ("draft", "Unsubscribed of the day (copy)")
    assert copy.definition["destination"] == export.definition["destination"]
    assert not copy.schedule.enabled


def test_deleting_keeps_history_and_waits_for_a_run_under_way(cast, export):
    under_way = make_run(export, "running", finished_at=None)
    assert "disabled" in re.search(r'btn-danger"[^>]*>', cast.alice.get(PAGE + "delete/").text)[0]
    refused = cast.alice.post(PAGE + "delete/")
    assert refused.status_code == 409
    assert f"while its run {under_way.id} is under way" in refused.text
    type(under_way).objects.filter(pk=under_way.pk).update(status="delivered")
    assert cast.alice.post(PAGE + "delete/").headers["Location"] == LIST
    under_way.refresh_from_db()
    assert (under_way.export_id, under_way.export_name) == (None, "unsubscribed")
    assert cast.alice.get(PAGE).status_code == 404
    assert "unsubscribed" in cast.alice.get("/p/letters/history/").text


def test_history_holds_the_runs_of_this_export_only(cast, export):
    make_run(export, file_name="mine.csv")
    make_run(make_export(cast.project, "other"), file_name="theirs.csv")
    page = cast.bob.get(PAGE + "runs/").text
    assert "mine.csv" in page
    assert "theirs.csv" not in page
