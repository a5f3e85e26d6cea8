"""Queries built on the pages, row by row: what they find beside them, and the one way from there to SQL."""

from __future__ import annotations

import pytest

from fixtures.stocked import version_in

NEW = "/p/letters/data/new-query/"
HTMX = {"HX-Request": "true"}
TOTALS = {
    "kind": "build",
    "table": "people",
    "link": ["1"],
    "l1-table": "orders",
    "l1-field": "id",
    "l1-to": "id",
    "n0-join": "all",
    "node": ["1"],
    "n1-in": "0",
    "n1-field": "orders.amount",
    "n1-op": ">",
    "n1-value": "2",
    "column": ["1", "2"],
    "c1-field": "email",
    "c2-field": "orders.amount",
    "c2-aggregate": "sum",
    "c2-as": "total",
    "order": ["1"],
    "o1-by": "total",
    "o1-descending": "yes",
    "limit": "5",
}
BUILD = {
    "table": "people",
    "linked": [{"table": "orders", "field": "id", "to": "id"}],
    "where": {"field": "orders.amount", "op": ">", "value": 2},
    "columns": [{"field": "email"}, {"field": "orders.amount", "aggregate": "sum", "as": "total"}],
    "order": [{"by": "total", "descending": True}],
    "limit": 5,
}


@pytest.fixture
def totals(stocked):
    """The query `totals`, saved from the page."""
    saved = stocked.alice.post(NEW, {**TOTALS, "name": "totals"})
    assert saved.headers["Location"] == "/p/letters/data/queries/totals/", saved.text
    stocked.address = saved.headers["Location"]
    return stocked


def test_what_is_built_is_counted_sampled_and_told_as_sql_without_being_saved(stocked):
    from paquebot.records.models import Query

    answer = stocked.alice.post(f"{NEW}?do=try", TOTALS, headers=HTMX).text
    assert "1 row" in answer
    assert "ana@example.org" in answer
    assert "12.75" in answer
    assert "SELECT &quot;people&quot;.&quot;email&quot; AS &quot;email&quot;" in answer
    assert not Query.objects.exists()
    wrong = stocked.alice.post(f"{NEW}?do=try", {**TOTALS, "limit": "five"}, headers=HTMX).text
    assert "“five” is no number of rows." in wrong


def test_it_is_saved_as_what_was_built_and_shown_so_again(totals):
    from paquebot.records.models import Query

    query = Query.objects.get()
    assert query.build == BUILD
    assert query.sql.endswith("ORDER BY 2 DESC\nLIMIT 5")
    page = totals.alice.get(totals.address).text
    assert '<option value="orders" selected>' in page
    assert 'value="total"' in page
    assert "select-sql" not in page
    viewer = totals.bob.get(totals.address).text
    assert "LIMIT 5" in viewer
    assert 'id="build"' not in viewer
    changed = {**TOTALS, "limit": "3", "version": version_in(totals.alice.get(totals.address))}
    assert totals.alice.post(totals.address, changed).status_code == 302
    assert Query.objects.get().build["limit"] == 3
    late = totals.alice.post(totals.address, {**changed, "limit": "4"})
    assert late.status_code == 422
    assert "Somebody else changed “totals”" in late.text
    assert Query.objects.get().build["limit"] == 3


def test_buttons_change_rows_and_save_nothing(stocked):
    from paquebot.records.models import Query

    part = stocked.alice.post(f"{NEW}?move=show", {**TOTALS, "move": "column-add"}, headers=HTMX)
    assert part.text.lstrip().startswith('<div class="build"')
    assert part.headers["HX-Trigger-After-Swap"] == "paquebot:built"
    assert 'name="c3-field"' in part.text
    up = stocked.alice.post(NEW, {**TOTALS, "move": "column-up:2"}).text
    assert up.index('name="c2-field"') < up.index('name="c1-field"')
    gone = stocked.alice.post(NEW, {**TOTALS, "move": "link-remove:1"}).text
    assert 'name="l1-table"' not in gone
    nested = stocked.alice.post(NEW, {**TOTALS, "move": "bundle:0"}).text
    assert 'name="n2-join"' in nested
    every = stocked.alice.post(NEW, {"kind": "build", "table": "orders", "move": "column-all"}).text
    assert every.count('name="column"') == 3
    assert not Query.objects.exists()


def test_each_wrong_row_is_told_beside_it(stocked):
    values = {**TOTALS, "name": "x", "l1-to": "", "n1-value": "much"}
    answer = stocked.alice.post(NEW, values)
    assert answer.status_code == 422
    assert "“field” and “to” go together" in answer.text
    assert "This must be a number." in answer.text
    unlinked = stocked.alice.post(NEW, {**TOTALS, "name": "x", "l1-field": "", "l1-to": ""})
    assert "Nothing says how rows of “orders” belong to those of “people”." in unlinked.text
    nameless = stocked.alice.post(NEW, TOTALS)
    assert nameless.status_code == 422
    assert 'value="total"' in nameless.text


def test_from_the_builder_one_goes_on_in_sql_and_not_back(totals):
    from paquebot.records.models import Query

    version = version_in(totals.alice.get(totals.address))
    page = totals.alice.post(totals.address, {**TOTALS, "version": version, "do": "sql"})
    assert "there is no way back to the builder; until then nothing has changed" in page.text
    sql = page.text.partition('name="sql"')[2].partition(">")[2].partition("</textarea>")[0]
    assert "&gt; 2" in sql
    assert Query.objects.get().build == BUILD
    import html

    saved = totals.alice.post(totals.address, {"sql": html.unescape(sql), "version": version})
    assert saved.status_code == 302, saved.text
    query = Query.objects.get()
    assert query.build is None
    assert query.sql.lstrip().startswith('SELECT "people"."email"')
    assert 'id="build"' not in totals.alice.get(totals.address).text


def test_an_export_of_what_was_built_binds_its_values_and_gives_its_rows(totals):
    from fixtures.stocked import make_export
    from paquebot.engine.previewing import preview
    from paquebot.export import ExportDefinition
    from paquebot.records.freezing import source_of
    from paquebot.web import installation

    export = make_export(totals.project, content={"query": "totals"})
    definition = ExportDefinition.from_document(export.definition)
    frozen = source_of(export.project, definition)
    assert frozen["build"] == BUILD
    assert preview(installation.records(), export, definition).lines == ["email,total", "ana@example.org,12.75"]


def test_a_project_file_builds_it_too_and_changes_nothing_the_second_time(stocked, served):
    from paquebot.errors import PaquebotError
    from paquebot.project import ProjectDocument
    from paquebot.records.applying import apply_document
    from paquebot.records.models import Query

    written = {
        "version": 1,
        "project": {"name": "letters"},
        "contacts": {"table": "people", "key": "id"},
        "relational_tables": [{"name": "orders", "key": "order_id", "profile_of": {"contacts": "id"}}],
        "queries": [{"name": "totals", "build": {**BUILD, "linked": [{"table": "orders"}]}}],
    }
    document = ProjectDocument.from_document(written)
    told = [change for change in apply_document(served, document)["changes"] if change["kind"] == "query"]
    assert [(change["what"], change["name"]) for change in told] == [("created", "totals")]
    assert Query.objects.get().build["linked"] == [{"table": "orders"}]
    assert apply_document(served, document)["changes"] == []
    wrong = {**BUILD, "columns": [{"field": "emial"}], "order": []}
    with pytest.raises(PaquebotError) as refused:
        apply_document(served, ProjectDocument.from_document({**written, "queries": [{"name": "totals", "build": wrong}]}))
    assert refused.value.code == "build.unknown_field"
    assert refused.value.path == ("queries", 0, "build")
    assert refused.value.parameters["nearest"] == "email"


def test_whoever_may_not_see_data_builds_nothing(totals):
    from paquebot.records.models import Query

    assert totals.bob.post(NEW, TOTALS).status_code == 403
    shown = totals.bob.post(totals.address, {**TOTALS, "do": "try", "limit": "1"}, headers=HTMX).text
    assert "@example.org" not in shown
    assert Query.objects.get().build == BUILD
