"""What follows the first lines of a file: how many rows it would have, about how many bytes, and its SQL."""

from __future__ import annotations

from fixtures.stocked import make_export

HTMX = {"HX-Request": "true"}
CONTENT = {"contacts": {"where": {"field": "city", "op": "is_set"}}}


def test_rows_size_and_sql_come_after_the_first_lines(stocked):
    make_export(stocked.project, content=CONTENT, obfuscation={"algorithm": "sha256", "fields": {"email": {}}})
    first = stocked.alice.get("/p/letters/exports/daily/preview/", headers=HTMX).text
    assert 'hx-post="/p/letters/exports/daily/outlook/"' in first
    told = stocked.alice.post("/p/letters/exports/daily/outlook/", headers=HTMX).text
    assert "<b>2 rows</b>" in told
    assert "166 B" in told  # a line of 15 bytes, one of 74 and one of 77
    assert "about" not in told
    assert "FROM &quot;people&quot;" in told
    assert "@example.org" not in told
    assert stocked.bob.post("/p/letters/exports/daily/outlook/").status_code == 403


def test_it_follows_what_is_typed_and_a_query_tells_its_own_sql(stocked, served):
    from paquebot.records.queries import add_query

    add_query(served, stocked.project, "few", "select id from people where id < 3")
    make_export(stocked.project, content={"query": "few"})
    typed = {"part": "source", "source-source": "contacts"}
    assert "<b>3 rows</b>" in stocked.alice.post("/p/letters/exports/daily/outlook/", typed, headers=HTMX).text
    told = stocked.alice.get("/p/letters/exports/daily/outlook/").text
    assert "<b>2 rows</b>" in told
    assert "select id from people where id &lt; 3" in told


def test_many_rows_are_counted_where_they_are_and_measured_by_the_first(stocked, served, tmp_path):
    from paquebot.engine.previewing import outlook, preview
    from paquebot.export import ExportDefinition
    from paquebot.records.importing import Target, import_file

    file = tmp_path / "many.csv"
    file.write_text("code\n" + "".join(f"c{number:05}\n" for number in range(5000)))
    import_file(served, Target(stocked.project, "many", ("code",)), file)
    export = make_export(stocked.project, content={"table": "many"}, file={"line_ending": "lf"})
    definition = ExportDefinition.from_document(export.definition)
    found = outlook(served, export, definition)
    assert (found.rows, found.is_exact) == (5000, False)
    assert found.size_bytes == (5 + 7 * 1000) * 5
    assert preview(served, export, definition).lines[:2] == ["code", "c00000"]


def test_who_is_meant_is_counted_and_sampled_by_one_process(stocked, served, monkeypatch):
    from paquebot import criteria
    from paquebot.records.meant import who_is_meant
    from paquebot.sources.lake import reading

    opened = []
    wall = reading.Wall
    monkeypatch.setattr(reading, "Wall", lambda *given: opened.append(1) or wall(*given))
    found = who_is_meant(served, stocked.project, criteria.Condition("city", "is_set"), 1)
    assert (found.rows, len(found.sample), [field.name for field in found.fields]) == (2, 1, ["id", "email", "city"])
    nobody = who_is_meant(served, stocked.project, criteria.Condition("city", "=", "Paris"))
    assert (nobody.rows, nobody.sample) == (0, ())
    assert len(opened) == 2
