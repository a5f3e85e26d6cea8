"""Sentinels on a real lake and in a real folder: what is there already starts nothing, what changes starts one run."""

from __future__ import annotations

from datetime import timedelta

import pytest

from fixtures.stocked import make_export


@pytest.fixture
def look(served):
    """Looks once more, a while later; returns how many runs were asked for."""
    from django.utils import timezone

    from paquebot.engine import sentinels

    moments = (timezone.now() + timedelta(minutes=number) for number in range(1, 100))
    return lambda: sentinels.look(served, next(moments))


def watching(project, trigger, **content):
    from paquebot.records import exports
    from paquebot.records.models import Server

    Server.objects.get_or_create(project=project, name="quay", kind="folder", options={"path": "quay"})
    export = make_export(project, "daily", destination={"server": "quay"}, trigger=trigger, **content)
    return exports.switch(project, export.name, "active")


def bring_in(served, project, folder, text):
    from paquebot.records.importing import Target, import_file

    file = folder / "more.csv"
    file.write_text(text)
    import_file(served, Target(project, "orders", ("order_id",), is_contact_list=False), file)


def run_of(export):
    from paquebot.records.models import Run

    return Run.objects.get(export=export)


def test_a_change_of_its_table_starts_it_and_a_change_of_another_does_not(served, stocked, tmp_path, look):
    export = watching(stocked.project, {"kind": "source"}, content={"table": "orders"})
    other = make_export(stocked.project, "people", trigger={"kind": "source"}, destination={"server": "quay"})
    from paquebot.records import exports

    exports.switch(stocked.project, other.name, "active")
    assert [look(), look()] == [0, 0]
    bring_in(served, stocked.project, tmp_path, "order_id,id,amount\n10,1,9.99\n")
    assert [look(), look()] == [1, 0]
    run = run_of(export)
    assert (run.trigger, run.cause, run.status) == ("source", {"tables": ["orders"]}, "queued")


def test_the_number_of_rows_alone_may_count(served, stocked, tmp_path, look):
    export = watching(stocked.project, {"kind": "source", "watch": "rows"}, content={"table": "orders"})
    look()
    bring_in(served, stocked.project, tmp_path, "order_id,id,amount\n10,1,9.99\n")
    assert look() == 0
    bring_in(served, stocked.project, tmp_path, "order_id,id,amount\n13,1,9.99\n")
    assert look() == 1
    assert run_of(export).cause == {"tables": ["orders"]}


def test_a_query_starts_it_once_it_gives_rows(served, stocked, tmp_path, look):
    from paquebot.records.models import Query

    Query.objects.create(project=stocked.project, name="big", sql="select * from orders where amount > 100")
    export = watching(stocked.project, {"kind": "rows", "query": "big"}, content={"table": "orders"})
    look()
    bring_in(served, stocked.project, tmp_path, "order_id,id,amount\n13,1,99.50\n")
    assert look() == 0
    bring_in(served, stocked.project, tmp_path, "order_id,id,amount\n14,1,150.00\n")
    assert [look(), look()] == [1, 0]
    assert run_of(export).cause == {"query": "big"}


def test_a_file_starts_it_once_nobody_writes_it_any_more(served, stocked, look):
    folder = served.home.allowed_folders[0] / "arrivals"
    folder.mkdir(parents=True)
    (folder / "old.ready").write_text("was there before")
    export = watching(stocked.project, {"kind": "file", "folder": "arrivals", "file": "*.ready"}, content={"table": "orders"})
    assert look() == 0
    (folder / "new.ready").write_text("half")
    (folder / "other.txt").write_text("no sentinel")
    assert look() == 0
    (folder / "new.ready").write_text("half and half")
    assert look() == 0
    assert [look(), look()] == [1, 0]
    assert run_of(export).cause == {"file": "new.ready", "files": 1}
    export.trigger.refresh_from_db()
    assert export.trigger.error is None


def test_a_folder_that_cannot_be_read_is_told_and_watched_on(served, stocked, look):
    export = watching(stocked.project, {"kind": "file", "folder": "arrivals", "file": "*.ready"}, content={"table": "orders"})
    look()
    export.trigger.refresh_from_db()
    assert export.trigger.error["code"] == "trigger.folder_unreadable"
    page = stocked.alice.get("/p/letters/exports/daily/?open=trigger").text
    assert "which is watched for a file, cannot be read" in page
    (served.home.allowed_folders[0] / "arrivals").mkdir(parents=True)
    look()
    export.trigger.refresh_from_db()
    assert export.trigger.error is None


def test_what_changes_while_a_run_still_waits_is_that_runs_too(served, stocked, tmp_path, look):
    watching(stocked.project, {"kind": "source"}, content={"table": "orders"})
    look()
    for amount in ("9.99", "8.88"):
        bring_in(served, stocked.project, tmp_path, f"order_id,id,amount\n10,1,{amount}\n")
        look()
    from paquebot.records.models import Run

    assert Run.objects.count() == 1


@pytest.fixture
def shop(laked, served):
    """The project over a SQLite file with a table of orders; gives what writes into it."""
    import contextlib
    import sqlite3

    from paquebot.records.databases import keep_database
    from paquebot.records.models import Query, Table
    from paquebot.sources.outside.sqlite import SqliteDatabase

    file = served.home.allowed_folders[0] / "shop.db"
    file.parent.mkdir(parents=True, exist_ok=True)

    def write(statement):
        with contextlib.closing(sqlite3.connect(file)) as made, made:
            made.execute(statement)

    write("create table orders (id integer primary key, amount integer)")
    write("insert into orders values (1, 10), (2, 20)")
    keep_database(served, laked.project, "sqlite", SqliteDatabase.read({"path": "shop.db"}))
    Table.objects.create(project=laked.project, name="orders", key=["id"])
    Query.objects.create(project=laked.project, name="large", sql="select id from orders where amount > 100")
    laked.project.refresh_from_db()
    return write


def test_rows_that_come_and_go_in_a_database_outside_start_it(laked, shop, look):
    export = watching(laked.project, {"kind": "source", "watch": "rows"}, content={"table": "orders"})
    assert [look(), look()] == [0, 0]
    shop("update orders set amount = 11 where id = 1")
    assert look() == 0
    shop("insert into orders values (3, 30)")
    assert look() == 1
    assert run_of(export).cause == {"tables": ["orders"]}


def test_a_query_of_a_database_outside_starts_it_once_it_gives_rows(laked, shop, look):
    export = watching(laked.project, {"kind": "rows", "query": "large"}, content={"table": "orders"})
    assert look() == 0
    shop("insert into orders values (3, 30)")
    assert look() == 0
    shop("insert into orders values (4, 400)")
    assert [look(), look()] == [1, 0]
    assert run_of(export).cause == {"query": "large"}


def test_what_a_database_outside_does_not_tell_is_refused_beside_its_field_in_both_languages(laked, shop):
    import json

    export = make_export(laked.project, "daily", content={"table": "orders"})
    form = {"part": "trigger", "version": export.version, "made_from": json.dumps(export.definition)}
    form |= {"trigger-kind": "source", "trigger-watch": "snapshot"}
    for language, told in (
        ("en", "database is outside, and does not tell when its rows were changed."),
        ("fr", "base de données du projet est externe et ne dit pas quand ses lignes ont changé."),
    ):
        answer = laked.alice.post("/p/letters/exports/daily/", form, headers={"accept-language": language})
        assert answer.status_code == 422
        assert told in answer.text
    saved = laked.alice.post("/p/letters/exports/daily/", {**form, "trigger-watch": "rows"})
    assert saved.status_code == 302
