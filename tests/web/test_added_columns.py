"""Constants and calculated columns by the page: added, moved, hidden, refused, and shown as the file will have them."""

import hashlib
import json
import re

import pytest

from fixtures.crossing import make_export as active_export

PAGE = "/p/letters/exports/daily/"


@pytest.fixture
def export(stocked):
    return active_export(stocked.project, "daily", "Daily")


def sent(export, *lines, **values):
    """The part as the page sends it; a line is the name of a field, or the name, kind and value of an added column."""
    said = {"part": "fields", "version": export.version, "made_from": json.dumps(export.definition), "algorithm": "sha256"}
    said |= {"all_fields": "yes", "line": [str(number) for number in range(len(lines))], **values}
    for number, line in enumerate(lines):
        name, *added = (line,) if isinstance(line, str) else line
        said |= {f"field{number}-field": name, f"field{number}-normalise": "none", f"field{number}-treatment": "hash"}
        if added:
            said |= {f"field{number}-name": name, f"field{number}-kind": added[0], f"field{number}-value": added[1]}
    return said


def shown(client):
    page = client.get(PAGE + "preview/", headers={"HX-Request": "true"}).text
    found = re.search(r"<pre[^>]*>(.*)</pre>", page, re.DOTALL)
    return found[1].replace("&#x27;", "'").splitlines() if found else [page]


DOMAIN = ("domain", "expression", "split_part(email, '@', 2)")
COUNTRY = ("country", "constant", "CA")


def test_a_constant_and_an_expression_stand_where_their_lines_stand(stocked, export):
    answer = stocked.alice.post(PAGE + "content/", sent(export, "id", DOMAIN, "email", "city", COUNTRY))
    assert answer.status_code == 302
    export.refresh_from_db()
    assert export.definition["content"] == {
        "contacts": {},
        "calculated": [
            {"name": "domain", "expression": "split_part(email, '@', 2)", "before": "email"},
            {"name": "country", "constant": "CA"},
        ],
    }
    lines = shown(stocked.alice)
    assert lines[0].split(",")[:3] == ["id", "domain", "email"] and lines[0].endswith(",country")
    assert lines[1].split(",")[1] == "example.org" and lines[1].endswith(",CA")
    page = stocked.alice.get(PAGE + "content/").text
    assert "with <b>domain, country</b> added" in page
    places = [
        page.index(f'-{kind}" value="{name}"') for kind, name in (("field", "id"), ("name", "domain"), ("field", "email"))
    ]
    assert places == sorted(places)


def test_an_added_column_is_obfuscated_like_a_field(stocked, export):
    stocked.alice.post(PAGE + "content/", sent(export, "id", "email", "city", DOMAIN, **{"field3-hidden": "on"}))
    assert hashlib.sha256(b"example.org").hexdigest() in shown(stocked.alice)[1]


def test_a_column_computed_from_an_obfuscated_field_is_pointed_out(stocked, export):
    stocked.alice.post(PAGE + "content/", sent(export, "id", "email", "city", DOMAIN, **{"field1-hidden": "on"}))
    assert "is computed from email, which is obfuscated" in stocked.alice.get(PAGE + "content/").text


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (("x", "expression", "count(*)"), "which an expression may not use"),
        (("x", "expression", "lower(cty)"), "Did you mean “city”?"),
        (("x", "expression", "city + 1"), "x"),
        (("x", "expression", ""), "is not valid"),
        (("city", "constant", "1"), "is called like a field of the source"),
        (("", "constant", "1"), "required"),
    ],
)
def test_a_column_that_means_nothing_is_told_beside_it_and_not_saved(stocked, export, column, told):
    answer = stocked.alice.post(PAGE + "content/", sent(export, "id", "email", column))
    assert answer.status_code == 422
    beside = re.findall(r'class="line-error">([^<]*)', answer.text)
    assert len(beside) == 1
    assert told in beside[0]
    export.refresh_from_db()
    assert "calculated" not in export.definition["content"]


def test_the_buttons_add_move_and_take_out_a_line_without_saving(stocked, export):
    added = stocked.alice.post(PAGE + "content/", sent(export, "id", "email", move="add:")).text
    assert 'name="field2-name"' in added
    moved = stocked.alice.post(PAGE + "content/", sent(export, "id", "email", COUNTRY, move="up:2")).text
    assert moved.index('name="field2-name"') < moved.index('name="field1-field"')
    gone = stocked.alice.post(PAGE + "content/", sent(export, "id", "email", COUNTRY, move="drop:2")).text
    assert 'value="country"' not in gone
    export.refresh_from_db()
    assert "calculated" not in export.definition["content"]


def test_a_query_takes_added_columns_and_keeps_its_own_order(stocked, export, served):
    from paquebot.records.queries import add_query

    add_query(served, stocked.project, "backwards", "select id, email from people order by id desc")
    export.definition["content"] = {"query": "backwards"}
    export.save()
    size = ("size", "expression", "length(email) * 2")
    assert stocked.alice.post(PAGE + "content/", sent(export, "id", size, "email", COUNTRY)).status_code == 302
    lines = shown(stocked.alice)
    assert lines[0] == "id,size,email,country"
    ids = [line.split(",")[0] for line in lines[1:]]
    assert ids == sorted(ids, reverse=True) and len(ids) > 1
    first = lines[1].split(",")
    assert int(first[1]) == len(first[2]) * 2
    page = stocked.alice.get(PAGE + "content/").text
    assert len(re.findall(r'-name" value="size"', page)) == 1


def test_the_labels_of_the_file_rename_added_columns_too(stocked, export):
    stocked.alice.post(PAGE + "content/", sent(export, "id", "email", "city", COUNTRY))
    export.refresh_from_db()
    export.definition["file"]["labels"] = {"country": "Pays", "email": "Courriel"}
    export.save()
    assert shown(stocked.alice)[0].split(",")[1:] == ["Courriel", "city", "Pays"]
