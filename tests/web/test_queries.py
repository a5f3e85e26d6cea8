"""Queries as pages show them: what they say on one side, what they find on the other."""

import pytest

from fixtures.stocked import make_export, version_in

SQL = "select email, amount from people join orders using (id) order by order_id"
NEW = "/p/letters/data/new-query/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def spenders(stocked, served):
    """The query `spenders`, its address, and the cast."""
    from paquebot.records.queries import add_query

    add_query(served, stocked.project, "spenders", SQL)
    stocked.address = "/p/letters/data/queries/spenders/"
    return stocked


def test_what_is_typed_is_counted_and_sampled_without_being_saved(stocked):
    from paquebot.records.models import Query

    answer = stocked.alice.post(NEW, {"do": "try", "sql": SQL}, headers=HTMX)
    assert answer.text.lstrip().startswith("<div")
    assert "3 rows" in answer.text
    assert "chloe@example.org" in answer.text
    assert "7.25" in answer.text
    assert "Decimal number" in answer.text
    assert not Query.objects.exists()
    whole = stocked.alice.post(NEW, {"do": "try", "sql": SQL, "name": "Mine"})
    assert whole.status_code == 200
    assert 'value="Mine"' in whole.text
    assert "error-mark" not in whole.text


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("select emial from people", "none of its tables has. Did you mean “email”?"),
        ("select * from peple", "which is no table of this project. Did you mean “people”?"),
        ("select * form people", "The query is not valid SQL at line 1, character 15"),
        ("drop table people", "exactly one SELECT statement"),
        ("", "exactly one SELECT statement"),
    ],
)
def test_what_the_sandbox_refuses_is_told_in_its_place(stocked, sql, told):
    assert told in stocked.alice.post(NEW, {"do": "try", "sql": sql}, headers=HTMX).text


def test_a_query_is_saved_under_a_name_made_from_what_was_typed(stocked):
    from paquebot.records.models import Query

    saved = stocked.alice.post(NEW, {"name": "Été 2026", "sql": SQL.replace(" order", "\r\norder")})
    assert saved.headers["Location"] == "/p/letters/data/queries/ete-2026/"
    assert Query.objects.get().sql == SQL.replace(" order", "\norder")
    taken = stocked.alice.post(NEW, {"name": "ete-2026", "sql": SQL})
    assert "There is already one called “ete-2026” in this project." in taken.text.split('id="id_name_error"')[1]
    wrong = stocked.alice.post(NEW, {"name": "other", "sql": "select nothing from people"})
    assert wrong.status_code == 422
    assert "none of its tables has" in wrong.text.split('id="id_sql_error"')[1]
    assert "select nothing from people" in wrong.text


def test_the_other_persons_change_is_shown_and_not_overwritten(spenders):
    from paquebot.records.models import Query

    version = version_in(spenders.alice.get(spenders.address))
    Query.objects.update(sql="select id from people")
    mine = {"sql": "select city from people", "version": version}
    answer = spenders.alice.post(spenders.address, mine)
    assert answer.status_code == 422
    assert "Somebody else changed “spenders”" in answer.text
    assert "select id from people</pre>" in answer.text
    assert "select city from people</textarea>" in answer.text
    assert Query.objects.get().sql == "select id from people"
    assert spenders.alice.post(spenders.address, {**mine, "version": version_in(answer)}).status_code == 302
    assert Query.objects.get().sql == "select city from people"


def test_a_viewer_sees_how_many_rows_but_none_of_them_and_cannot_choose_the_query(spenders):
    from paquebot.records.models import Query

    assert "select email, amount" in spenders.bob.get(spenders.address).text
    answer = spenders.bob.post(spenders.address, {"do": "try", "sql": "select 1 from people where id = 1"}, headers=HTMX)
    assert "3 rows" in answer.text
    assert "@example.org" not in answer.text
    spenders.bob.post(spenders.address, {"sql": "select 1 as one"})
    assert Query.objects.get().sql == SQL
    assert spenders.bob.post(f"{spenders.address}delete/").status_code == 403
    assert spenders.bob.get(NEW).status_code == 403


def test_a_query_is_deleted_unless_an_export_uses_it(spenders):
    from paquebot.records.models import Export, Query

    make_export(spenders.project, content={"query": "spenders"})
    page = spenders.alice.get(spenders.address)
    assert "Not while an export uses it:" in page.text
    version = version_in(page)
    refused = spenders.alice.post(f"{spenders.address}delete/", {"version": version}, follow=True)
    assert "“spenders” cannot be deleted: it is used by The daily." in refused.text
    Export.objects.all().delete()
    assert spenders.alice.post(f"{spenders.address}delete/", {"version": version}).headers["Location"] == "/p/letters/data/"
    assert not Query.objects.exists()
