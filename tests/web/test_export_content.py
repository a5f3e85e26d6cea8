"""The content of an export on real rows: source, fields, obfuscation, the first lines of the file, and running now."""

import hashlib
import json
import re

import psycopg
import pytest

from fixtures.crossing import make_export

PAGE = "/p/letters/exports/unsubscribed/"


@pytest.fixture
def export(cast, served, tmp_path):
    from paquebot.records.importing import Target, import_file
    from paquebot.records.lakes import lake_address, provision_lake
    from paquebot.records.models import Query
    from paquebot.sources.lake.provision import unprovision

    file = tmp_path / "people.csv"
    file.write_text("id,email,city\n" + "".join(f"{n},Person{n}@Example.org,Québec\n" for n in range(1, 9)))
    provision_lake(served, cast.project)
    import_file(served, Target(cast.project, "people", ("id",), True), file)
    Query.objects.create(project=cast.project, name="two", sql="select email as address, city from people where id < 3")
    yield make_export(cast.project, "unsubscribed", "Unsubscribed")
    with psycopg.connect(served.address.conninfo(), autocommit=True) as admin:
        unprovision(admin, lake_address(served, cast.project))


def lines(export, *names, **values):
    fields = {f"field{position}-field": name for position, name in enumerate(names)} | {
        "line": [str(position) for position in range(len(names))]
    }
    return {"part": "fields", "version": export.version, "made_from": json.dumps(export.definition), **fields, **values}


def test_the_preview_shows_the_first_rows_as_their_bytes_will_be(cast, export):
    page = cast.alice.get(PAGE + "preview/", headers={"HX-Request": "true"}).text
    shown = re.search(r"<pre[^>]*>(.*)</pre>", page, re.DOTALL)[1]
    assert shown.splitlines()[0] == "id,email,city"
    assert shown.splitlines()[1] == "1,Person1@Example.org,Québec"
    assert len(shown.splitlines()) == 6
    assert "The first 5 rows" in page


def test_obfuscated_values_are_obfuscated_in_the_preview_too(cast, export):
    sent = lines(
        export,
        "id",
        "email",
        "city",
        all_fields="yes",
        algorithm="sha256",
        **{"field1-hidden": "on", "field1-normalise": "email"},
    )
    sent |= {"field0-normalise": "none", "field2-normalise": "none"}
    assert cast.alice.post(PAGE + "content/", sent).status_code == 302
    export.refresh_from_db()
    assert export.definition["obfuscation"] == {"algorithm": "sha256", "fields": {"email": {"normalise": "email"}}}
    page = cast.alice.get(PAGE + "preview/").text
    assert hashlib.sha256(b"person1@example.org").hexdigest() in page
    assert "Person1" not in page


def test_chosen_fields_leave_and_a_left_out_one_needs_no_obfuscation(cast, export):
    sent = lines(
        export, "id", "email", "city", all_fields="no", algorithm="sha256", **{"field1-hidden": "on", "field2-leaves": "on"}
    )
    sent |= {f"field{position}-normalise": "none" for position in range(3)}
    cast.alice.post(PAGE + "content/", sent)
    export.refresh_from_db()
    assert export.definition["content"] == {"contacts": {"fields": ["city"]}}
    assert "obfuscation" not in export.definition


def test_phone_numbers_ask_for_their_country_beside_the_field(cast, export):
    sent = lines(
        export, "id", "email", all_fields="yes", algorithm="sha256", **{"field1-hidden": "on", "field1-normalise": "phone"}
    )
    answer = cast.alice.post(PAGE + "content/", {**sent, "field0-normalise": "none"})
    assert answer.status_code == 422
    assert re.search(r'class="line-error">[^<]*Phone numbers need', answer.text, re.IGNORECASE)


def test_no_field_at_all_is_refused(cast, export):
    sent = lines(
        export, "id", "email", all_fields="no", algorithm="sha256", **{"field0-normalise": "none", "field1-normalise": "none"}
    )
    assert "No field is chosen." in cast.alice.post(PAGE + "content/", sent).text


def test_a_query_tells_its_columns_and_a_hidden_field_it_lost_is_not_forgotten(cast, export):
    sent = lines(
        export, "id", "email", all_fields="yes", algorithm="sha256", **{"field1-hidden": "on", "field1-normalise": "none"}
    )
    cast.alice.post(PAGE + "content/", {**sent, "field0-normalise": "none"})
    export.refresh_from_db()
    source = {"part": "source", "version": export.version, "made_from": "{}", "source-source": "query:two"}
    assert cast.alice.post(PAGE + "content/", source).status_code == 302
    export.refresh_from_db()
    assert export.definition["content"] == {"query": "two"}
    page = cast.alice.get(PAGE + "content/").text
    assert re.findall(r'name="field\d-field" value="(\w+)"', page) == ["address", "city", "email"]
    assert "no longer in the source" in page
    assert "have no such field" in cast.alice.get(PAGE + "preview/").text


def test_a_query_that_no_longer_works_says_so_on_the_page(cast, export):
    from paquebot.records.models import Query

    source = {"part": "source", "version": export.version, "made_from": "{}", "source-source": "query:two"}
    cast.alice.post(PAGE + "content/", source)
    Query.objects.update(sql="select nothing from nowhere")
    assert "nowhere" in cast.alice.get(PAGE + "content/").text
    assert 'role="alert"' in cast.alice.get(PAGE + "preview/").text


def test_running_now_makes_a_run_of_the_saved_definition_and_leaves_the_schedule(cast, export):
    from paquebot.records.models import Run

    due = export.schedule.next_at
    answer = cast.alice.post(PAGE + "run/")
    run = Run.objects.get()
    assert (answer.status_code, run.trigger, run.status) == (302, "manual", "queued")
    assert run.definition["export"] == export.definition
    export.schedule.refresh_from_db()
    assert export.schedule.next_at == due


def chosen(export, algorithm, *hows, **values):
    """The part as sent: one field per mapping of `hows`, called id, email, city in their order."""
    names = ("id", "email", "city")[: len(hows)]
    sent = {f"field{position}-normalise": "none" for position in range(len(hows))}
    sent |= {f"field{position}-treatment": "hash" for position in range(len(hows))}
    for position, how in enumerate(hows):
        sent |= {f"field{position}-{key}": value for key, value in how.items()}
    return lines(export, *names, all_fields="yes", algorithm=algorithm, **sent, **values)


def test_a_field_is_masked_or_removed_by_the_page_and_shown_so_in_the_preview(cast, export):
    mask = {"hidden": "on", "treatment": "mask", "shown": "6"}
    remove = {"hidden": "on", "treatment": "remove", "normalise": "email", "shown": "4"}
    assert cast.alice.post(PAGE + "content/", chosen(export, "hmac-sha256", {}, mask, remove)).status_code == 302
    export.refresh_from_db()
    assert export.definition["obfuscation"]["fields"] == {
        "email": {"normalise": "none", "treatment": "mask", "shown": 6},
        "city": {"normalise": "none", "treatment": "remove"},
    }
    preview = cast.alice.get(PAGE + "preview/").text
    assert "1,*************le.org," in preview
    assert "Québec" not in preview
    page = cast.alice.get(PAGE + "content/").text
    assert 'name="field1-shown" value="6"' in page
    assert "with <b>email</b> masked, with <b>city</b> left empty" in page


@pytest.mark.parametrize(
    ("algorithm", "name", "strength"),
    [
        ("sha512", "SHA-512", "guessable from a dictionary"),
        ("sha1", "SHA-1", "weak and guessable"),
        ("md5", "MD5", "weak and guessable"),
    ],
)
def test_every_algorithm_can_be_chosen_and_says_how_weak_it_is(cast, export, algorithm, name, strength):
    email = {"hidden": "on", "normalise": "email"}
    assert cast.alice.post(PAGE + "content/", chosen(export, algorithm, {}, email, {})).status_code == 302
    page = cast.alice.get(PAGE + "content/").text
    assert f"with <b>email</b> obfuscated by <b>{name}</b> (<b>{strength}</b>)" in page
    assert ("Broken, and anybody" in page) and (f"{name}, {strength}" in page)
    assert hashlib.new(algorithm, b"person1@example.org").hexdigest() in cast.alice.get(PAGE + "preview/").text


def test_a_number_of_characters_a_mask_cannot_show_is_told_beside_the_field(cast, export):
    answer = cast.alice.post(
        PAGE + "content/", chosen(export, "sha256", {}, {"hidden": "on", "treatment": "mask", "shown": "99"}, {})
    )
    assert answer.status_code == 422
    assert re.search(r'class="line-error">[^<]*32', answer.text)
