"""Each kind of database outside as pages show it: chosen, told, tested, its tables taken, its queries tried."""

from __future__ import annotations

import pytest

from fixtures.stocked import version_in

DATA = "/p/letters/data/"
PAGE = f"{DATA}database/"


@pytest.fixture(scope="module")
def people(outside_mariadb):
    making = (
        "CREATE TABLE people (id int PRIMARY KEY, name varchar(20), born date) CHARACTER SET utf8mb4",
        "INSERT INTO people VALUES (1, 'Ann', '9999-12-31'), (2, 'Zoé', '2001-02-03'), (3, NULL, NULL)",
    )
    with outside_mariadb.database(*making) as name:
        yield name


def saved(cast, kind, told, **changed):
    address = f"{PAGE}?kind={kind}"
    return cast.alice.post(address, {**told, "do": "save", "version": version_in(cast.alice.get(address)), **changed})


@pytest.fixture
def of_mariadb(outside_mariadb, people):
    more = {"tls": "verify", "statement_timeout_seconds": "1800", "zero_dates": "refuse"}
    return {**outside_mariadb.options(people), **more}


def test_every_kind_is_offered_and_each_asks_its_own(cast):
    page = cast.alice.get(PAGE).text
    for kind in ("postgresql", "mysql", "mariadb"):
        assert f'href="{PAGE}?kind={kind}"' in page
    assert 'name="schema"' in page
    chosen = cast.alice.get(f"{PAGE}?kind=mariadb").text
    assert 'name="zero_dates"' in chosen
    assert 'name="schema"' not in chosen
    assert 'value="3306"' in chosen
    assert "kind=" not in cast.bob.get(PAGE).text
    assert cast.alice.get(f"{PAGE}?kind=oracle").status_code == 404


def test_a_mariadb_is_told_tested_taken_and_queried(laked, served, of_mariadb):
    assert saved(laked, "mariadb", of_mariadb).status_code == 302
    laked.project.refresh_from_db()
    assert of_mariadb["password"] not in str(laked.project.database_options) + str(laked.project.database_secrets)
    page = laked.alice.post(f"{PAGE}test/").text
    assert page.count("finding-good") == 3
    assert "1 table or view" in page
    assert laked.alice.post(f"{PAGE}tables/", {"table": "people"}).headers["Location"] == f"{DATA}tables/people/"
    assert "Zoé" in laked.alice.get(f"{DATA}tables/people/rows/", headers={"HX-Request": "true"}).text
    sql = "select id, name, concat('x', $run_date) as `a day` from people where name like 'z%'"
    assert "Zoé" in laked.alice.post(f"{DATA}new-query/", {"name": "zs", "sql": sql, "do": "try"}).text
    wrong = laked.alice.post(f"{DATA}new-query/", {"name": "zs", "sql": "select nothing from people", "do": "try"}).text
    assert "A field that is to be read is not in the database" in wrong


def test_a_mariadb_that_cannot_be_read_is_told_in_a_sentence(laked, of_mariadb):
    saved(laked, "mariadb", of_mariadb, password="wrong")
    page = laked.alice.post(f"{PAGE}test/", headers={"HX-Request": "true"}).text
    assert "does not let “reader” sign in" in page
    saved(laked, "mariadb", of_mariadb, zero_dates="never")
    laked.project.refresh_from_db()
    assert laked.project.database_options["zero_dates"] == "refuse"
