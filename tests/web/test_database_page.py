"""The database outside as pages show it: told and tested, its tables taken into the project, its password never shown again."""

from __future__ import annotations

import re

import pytest

from fixtures.stocked import version_in

DATA = "/p/letters/data/"
PAGE = f"{DATA}database/"
PEOPLE = "CREATE TABLE people (id int PRIMARY KEY, name text, born date)"
ROWS = "INSERT INTO people VALUES (1, 'Ann', 'infinity'), (2, 'Zoé', '2001-02-03'), (3, NULL, NULL)"
LETTERS = "CREATE TABLE letters (person int, sent date)"


@pytest.fixture(scope="module")
def people(outside_postgres):
    with outside_postgres.database(PEOPLE, ROWS, LETTERS, "ANALYZE") as name:
        yield name


@pytest.fixture
def settled(laked, outside_postgres, people):
    """The project reads `people`; Alice has saved where it is."""
    assert saved(laked, outside_postgres, people).headers["Location"] == PAGE
    laked.project.refresh_from_db()
    return laked


def saved(cast, server, name, **changed):
    told = {**server.options(name), "schema": "public", "tls": "verify", "statement_timeout_seconds": "1800", "do": "save"}
    return cast.alice.post(PAGE, {**told, "version": version_in(cast.alice.get(PAGE)), **changed})


def test_a_project_without_tables_may_read_a_database_and_viewers_only_look(cast):
    assert f'href="{PAGE}"' in cast.alice.get(DATA).text
    assert 'name="host"' in cast.alice.get(PAGE).text
    looked = cast.bob.get(PAGE)
    assert looked.status_code == 200
    assert 'name="host"' not in looked.text
    assert cast.charlie.get(PAGE).status_code == 404


def test_the_password_is_sealed_and_stays_when_nothing_is_written(settled, served, outside_postgres, people):
    password = outside_postgres.passwords["reader"]
    assert password not in str(settled.project.database_options) + str(settled.project.database_secrets)
    assert password not in settled.alice.get(PAGE).text
    again = saved(settled, outside_postgres, people, password="", port=str(outside_postgres.port))
    assert again.status_code == 302
    settled.project.refresh_from_db()
    assert served.keyring.unseal(settled.project.database_secrets["password"]).reveal() == password


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(cast, outside_postgres, people):
    answer = saved(cast, outside_postgres, people, port="eighty", host="db.example.org")
    assert answer.status_code == 422
    assert 'value="db.example.org"' in answer.text
    cast.project.refresh_from_db()
    assert not cast.project.is_outside


def test_a_test_tells_its_steps_and_lists_the_tables(settled):
    page = settled.alice.post(f"{PAGE}test/").text
    assert page.count("finding-good") == 3
    assert "2 tables and views" in page
    assert "about 3 rows" in page
    assert 'value="people"' in page


def test_a_test_that_fails_tells_in_a_sentence_what_to_do(settled, outside_postgres, people):
    saved(settled, outside_postgres, people, password="wrong")
    page = settled.alice.post(f"{PAGE}test/", headers={"HX-Request": "true"}).text
    assert "does not let “reader” sign in" in page
    assert "whether the password has expired" in page


def test_a_table_is_taken_shown_ordered_and_left_again(settled):
    assert settled.alice.post(f"{PAGE}tables/", {"table": "people"}).headers["Location"] == f"{DATA}tables/people/"
    page = settled.alice.get(f"{DATA}tables/people/").text
    assert "≈ 3" in page
    assert "Import a file" not in page
    assert re.search(r"id<small>[^<]+ · key</small>", page)
    rows = settled.alice.get(f"{DATA}tables/people/rows/", headers={"HX-Request": "true"}).text
    assert "Zoé" in rows
    listed = settled.bob.get(DATA).text
    assert "people" in listed
    assert "Last import" not in listed
    left = settled.alice.post(
        f"{DATA}tables/people/delete/", {"version": version_in(settled.alice.get(f"{DATA}tables/people/"))}
    )
    assert left.status_code == 302
    assert "No table is used yet." in settled.alice.get(DATA).text


def test_a_table_without_a_primary_key_asks_for_one(settled):
    settled.alice.post(f"{PAGE}tables/", {"table": "letters"})
    address = f"{DATA}tables/letters/"
    page = settled.alice.get(address)
    assert "It has no primary key" in page.text
    assert 'id="role" open' in page.text
    written = {"key": ["person"], "version": version_in(page)}
    assert settled.alice.post(f"{address}role/", written).status_code == 302


def test_the_kind_of_database_stays_once_there_are_tables_and_files_are_not_imported(settled, outside_postgres, people):
    settled.alice.post(f"{PAGE}tables/", {"table": "people"})
    page = settled.alice.get(PAGE)
    assert 'value="embedded"' not in page.text
    refused = settled.alice.post(PAGE, {"do": "embedded", "version": version_in(page)}, follow=True).text
    assert "cannot become one of another kind" in refused
    assert settled.alice.get(f"{DATA}import/").headers["Location"] == PAGE


def test_a_project_with_imported_tables_is_told_that_it_stays_so(stocked):
    page = stocked.alice.get(PAGE).text
    assert "Kept by Paquebot" in page
    assert 'name="host"' not in page


def test_a_query_is_asked_of_the_database_itself(settled):
    sql = "select id, name, 'x' || $run_date::text as day from people where name ilike 'z%'"
    page = settled.alice.post(f"{DATA}new-query/", {"name": "zs", "sql": sql, "do": "try"}).text
    assert "Zoé" in page
    wrong = settled.alice.post(f"{DATA}new-query/", {"name": "zs", "sql": "select nothing from people", "do": "try"}).text
    assert "A field that is to be read is not in the database" in wrong


def test_the_members_of_a_group_are_counted_against_the_database(settled):
    settled.alice.post(f"{PAGE}tables/", {"table": "people"})
    address = f"{DATA}tables/people/"
    written = {"key": ["id"], "is_contact_list": "on", "version": version_in(settled.alice.get(address))}
    assert settled.alice.post(f"{address}role/", written).status_code == 302
    from paquebot.project_parts import GroupDefinition
    from paquebot.records.groups import add_group
    from paquebot.records.meant import members_of, membership
    from paquebot.web import installation

    group = add_group(installation.records(), settled.project, GroupDefinition("pilots", members=("3", "1", "77")))
    known = membership(installation.records(), group)
    assert (known.keys, known.unknown, known.first_unknown) == (3, 1, ("77",))
    assert members_of(installation.records(), group, 2) == ("1", "3")
