"""Criteria as SQL, asked of DuckDB: exactly the rows they mean, values bound whatever they hold."""

from datetime import date

import duckdb
import pytest

from paquebot import criteria
from paquebot.errors import CommandError, SourceError
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.tables import asked_as
from paquebot.sources.selecting import Compiler, Links

COLUMNS = {
    "id": "VARCHAR",
    "name": "VARCHAR",
    "age": "INTEGER",
    "score": "DECIMAL(18,1)",
    "joined": "DATE",
    "seen": "TIMESTAMP",
    "active": "BOOLEAN",
}
PEOPLE = [
    ("a", "Zoë", "31", "1.5", "2026-11-01", "2026-11-23 23:59:59", "true"),
    ("b", "L'Été 100%", None, "2.5", "2026-10-24", "2026-11-24 00:00:00", "false"),
    ("c", "", "7", "-3.0", "2025-01-01", "2026-11-22 12:00:00", None),
    ("d", "$c1; drop table people; --", "100000", None, None, None, "true"),
]
PETS = [("1", "a", "cat"), ("2", "a", "dog"), ("3", "c", "cat"), ("4", "zz", "dog")]


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        opened.execute(f"create table people ({', '.join(f'{name} {kind}' for name, kind in COLUMNS.items())})")
        opened.execute("create table pets (tag VARCHAR, owner VARCHAR, kind VARCHAR)")
        for row in PEOPLE:
            opened.execute("insert into people values (?, ?, ?, ?, ?, ?, ?)", list(row))
        opened.executemany("insert into pets values (?, ?, ?)", PETS)
        yield opened


@pytest.fixture
def chosen(connection):
    """The keys of the people a criterion means."""
    people = {name: asked_as(kind) for name, kind in COLUMNS.items()}
    kinds = {"people": people, "pets": dict.fromkeys(("tag", "owner", "kind"), "text")}

    def ask(written):
        compiler = Compiler("people", kinds, Links("id", {"pets": "owner"}), date(2026, 11, 24), identifier)
        condition = compiler.condition(criteria.from_document(written))
        found = connection.execute(f"select id from people where {condition} order by id", compiler.parameters).fetchall()
        return [row[0] for row in found]

    return ask


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({"field": "name", "op": "=", "value": "Zoë"}, "a"),
        ({"field": "name", "op": "!=", "value": "Zoë"}, "bcd"),
        ({"field": "name", "op": "contains", "value": "ÉTÉ"}, "b"),
        ({"field": "name", "op": "contains", "value": "%"}, "b"),
        ({"field": "name", "op": "contains", "value": "'"}, "b"),
        ({"field": "name", "op": "not_contains", "value": "o"}, "bc"),
        ({"field": "name", "op": "starts_with", "value": "$c1; DROP"}, "d"),
        ({"field": "name", "op": "ends_with", "value": "--"}, "d"),
        ({"field": "name", "op": "in", "value": ["Zoë", "') or true --"]}, "a"),
        ({"field": "name", "op": "not_in", "value": ["Zoë"]}, "bcd"),
        ({"field": "name", "op": "is_set"}, "abd"),
        ({"field": "name", "op": "is_not_set"}, "c"),
        ({"field": "age", "op": "=", "value": 31}, "a"),
        ({"field": "age", "op": "=", "value": "31"}, "a"),
        ({"field": "age", "op": "!=", "value": 31}, "bcd"),
        ({"field": "age", "op": ">=", "value": 31}, "ad"),
        ({"field": "age", "op": "<", "value": 7.5}, "c"),
        ({"field": "age", "op": "between", "value": [7, 31]}, "ac"),
        ({"field": "age", "op": "in", "value": [7, "100000"]}, "cd"),
        ({"field": "age", "op": "is_not_set"}, "b"),
        ({"field": "score", "op": ">", "value": 1.4}, "ab"),
        ({"field": "score", "op": "=", "value": "2.50"}, "b"),
        ({"field": "joined", "op": "=", "value": "2026-11-01"}, "a"),
        ({"field": "joined", "op": "=", "value": date(2026, 11, 1)}, "a"),
        ({"field": "joined", "op": "before", "value": "2026-10-24"}, "c"),
        ({"field": "joined", "op": "after", "value": "2026-10-24"}, "a"),
        ({"field": "joined", "op": "between", "value": ["2026-10-24", "2026-11-01"]}, "ab"),
        ({"field": "joined", "op": "in_last_days", "value": 31}, "ab"),
        ({"field": "joined", "op": "in_last_days", "value": 30}, "a"),
        ({"field": "joined", "op": "not_in_last_days", "value": 30}, "bcd"),
        ({"field": "seen", "op": "=", "value": "2026-11-23"}, "a"),
        ({"field": "seen", "op": "!=", "value": "2026-11-23"}, "bcd"),
        ({"field": "seen", "op": "after", "value": "2026-11-23"}, "b"),
        ({"field": "seen", "op": "before", "value": "2026-11-24"}, "ac"),
        ({"field": "seen", "op": "between", "value": ["2026-11-22", "2026-11-23"]}, "ac"),
        ({"field": "seen", "op": "in_last_days", "value": 1}, "ab"),
        ({"field": "active", "op": "is_true"}, "ad"),
        ({"field": "active", "op": "is_false"}, "b"),
        ({"field": "active", "op": "is_not_set"}, "c"),
        ({"not": {"field": "active", "op": "is_true"}}, "bc"),
        ({"not": {"field": "age", "op": ">", "value": 10}}, "bc"),
        ({"all": [{"field": "active", "op": "is_true"}, {"field": "age", "op": "<", "value": 50}]}, "a"),
        ({"any": [{"field": "active", "op": "is_false"}, {"field": "name", "op": "is_not_set"}]}, "bc"),
        ({"linked": "pets"}, "ac"),
        ({"not": {"linked": "pets"}}, "bd"),
        ({"linked": "pets", "where": {"field": "kind", "op": "=", "value": "dog"}}, "a"),
        ({"not": {"linked": "pets", "where": {"field": "kind", "op": "=", "value": "dog"}}}, "bcd"),
        ({"linked": "pets", "where": {"not": {"field": "kind", "op": "=", "value": "cat"}}}, "a"),
    ],
)
def test_a_criterion_means_exactly_these_people(chosen, written, expected):
    assert chosen(written) == list(expected)


@pytest.mark.parametrize(
    ("written", "code", "words"),
    [
        ({"field": "nom", "op": "is_set"}, "criterion.unknown_field", "“nom”"),
        ({"linked": "owners"}, "criterion.not_linked", "“owners”"),
        ({"linked": "pets", "where": {"field": "age", "op": ">", "value": 3}}, "criterion.unknown_field", "“pets”"),
    ],
)
def test_what_the_project_does_not_have_is_named(chosen, written, code, words):
    with pytest.raises(SourceError) as caught:
        chosen(written)
    assert caught.value.code == code
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ({"field": "age", "op": "contains", "value": "3"}, "criterion.not_for_kind"),
        ({"field": "name", "op": "<", "value": "3"}, "criterion.not_for_kind"),
        ({"field": "age", "op": "=", "value": "many"}, "criterion.wrong_value"),
        ({"field": "age", "op": "=", "value": "nan"}, "criterion.wrong_value"),
        ({"field": "joined", "op": "after", "value": "31/12/2026"}, "criterion.wrong_value"),
        ({"field": "joined", "op": "after", "value": "2026-02-31"}, "criterion.wrong_value"),
        ({"field": "joined", "op": "in_last_days", "value": 0}, "criterion.wrong_value"),
    ],
)
def test_what_means_nothing_to_a_field_is_refused(chosen, written, code):
    with pytest.raises(CommandError) as caught:
        chosen(written)
    assert caught.value.code == code
