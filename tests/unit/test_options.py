"""What a person wrote is read exactly, or refused with its place, its key and what would be accepted."""

import pickle

import pytest

from paquebot.credentials import Secret
from paquebot.errors import CommandError, Problem, describe, render
from paquebot.options import DefinitionError, Option, Planned, Section, describe_path, nearest, placed, read

ENTRIES = (
    Option("name", "The name.", required=True),
    Option("port", "The port.", kind="integer", default=22, least=1, most=65535),
    Option("retries", "How often.", kind="integer", least=0),
    Option("password", "The password.", secret=True),
    Option("quiet", "Whether it is silent.", kind="boolean", default=False),
    Option("format", "The format.", default="csv", choices=("csv", "json")),
    Option("fields", "The fields.", kind="list", alone=True),
    Option("days", "The days.", kind="list", choices=("monday", "tuesday"), least=0),
    Option("extras", "Anything.", kind="mapping"),
    Planned("groups"),
    Section("file", "The file.", (Option("header", "A header.", kind="boolean", default=True),)),
    Section("parts", "The parts.", (Option("size", "Its size.", kind="integer", required=True),), many=True),
    Section("hidden", "The hidden.", (Option("how", "How.", default="none"),), keyed=True),
)


def refused(written, path=()):
    with pytest.raises(DefinitionError) as caught:
        read(ENTRIES, {"name": "a", **written} if isinstance(written, dict) else written, path)
    return caught.value


def test_what_was_left_out_has_its_default():
    assert read(ENTRIES, {"name": "a"}) == {
        "name": "a",
        "port": 22,
        "retries": None,
        "password": None,
        "quiet": False,
        "format": "csv",
        "fields": None,
        "days": None,
        "extras": None,
        "file": None,
        "parts": [],
        "hidden": {},
    }


def test_an_unknown_key_is_refused_with_the_nearest_known_one():
    error = refused({"prot": 22}, ("servers", 0))
    assert error.code == "definition.unknown_key"
    assert error.path == ("servers", 0, "prot")
    assert error.message == "servers[0]: “prot” is not a known key."
    assert error.hint.startswith("Did you mean “port”? Known keys here: days, extras, ")


def test_a_planned_key_is_refused_by_saying_so():
    error = refused({"groups": []})
    assert error.message == "definition: “groups” is known but not built yet in this version."


def test_a_wrong_choice_names_the_nearest_and_all_that_are_accepted():
    error = refused({"format": "CVS"})
    assert error.message == "format: “format” cannot be “CVS”."
    assert error.hint == "Did you mean “csv”? Accepted: csv, json."


@pytest.mark.parametrize("written", [{"name": None}, {"name": ""}])
def test_a_required_key_without_a_value_is_missing(written):
    error = refused(written)
    assert error.code == "definition.missing_key"
    assert error.hint == "Add it: The name."


@pytest.mark.parametrize(
    "written, said",
    [
        ({"port": "22"}, "port: “port” must be a whole number, not text."),
        ({"port": True}, "port: “port” must be a whole number, not true or false."),
        ({"port": 22.0}, "port: “port” must be a whole number, not a number."),
        ({"name": 12}, "name: “name” must be text, not a whole number."),
        ({"name": ["a"]}, "name: “name” must be text, not a list."),
        ({"quiet": "yes"}, "quiet: “quiet” must be true or false, not text."),
        ({"quiet": 1}, "quiet: “quiet” must be true or false, not a whole number."),
        ({"fields": 5}, "fields: “fields” must be a list, not a whole number."),
        ({"fields": [5]}, "fields[0]: “fields” must be text, not a whole number."),
        ({"days": "monday"}, "days: “days” must be a list, not text."),
        ({"extras": []}, "extras: “extras” must be a set of keys, not a list."),
        ({"file": "x"}, "file: “file” must be a set of keys, not text."),
        ({"parts": {"size": 1}}, "parts: “parts” must be a list, not a set of keys."),
        ({"parts": [None]}, "parts[0]: “0” must be a set of keys, not nothing."),
        ({"hidden": ["email"]}, "hidden: “hidden” must be a set of keys, not a list."),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_in_words(written, said):
    error = refused(written)
    assert error.code == "definition.wrong_type"
    assert error.message == said


def test_a_number_where_text_is_wanted_is_told_to_be_quoted():
    assert refused({"name": 2026}).hint == "Write the value between quotes. What it is for: The name."


@pytest.mark.parametrize(
    "written, said",
    [
        ({"port": 0}, "port: “port” must lie between 1 and 65535."),
        ({"port": 65536}, "port: “port” must lie between 1 and 65535."),
        ({"retries": -1}, "retries: “retries” must be at least 0."),
    ],
)
def test_a_number_out_of_bounds_is_refused(written, said):
    assert refused(written).message == said


def test_bounds_themselves_are_accepted():
    assert [read(ENTRIES, {"name": "a", "port": port})["port"] for port in (1, 65535)] == [1, 65535]


def test_a_list_may_not_be_empty_unless_it_says_so():
    assert refused({"fields": []}).code == "definition.empty_list"
    assert read(ENTRIES, {"name": "a", "days": []})["days"] == []


def test_a_list_names_nothing_twice():
    error = refused({"fields": ["code", "name", "code"]})
    assert error.code == "definition.repeated"
    assert error.path == ("fields", 2)


def test_a_lone_value_may_stand_for_a_list_where_that_was_allowed():
    assert read(ENTRIES, {"name": "a", "fields": "code"})["fields"] == ["code"]


def test_each_of_a_list_must_be_an_accepted_choice():
    assert refused({"days": ["monday", "mnoday"]}).path == ("days", 1)


def test_sections_are_read_with_the_place_of_what_is_wrong_in_them():
    error = refused({"parts": [{"size": 1}, {}]}, ("exports", 3))
    assert error.path == ("exports", 3, "parts", 1, "size")
    assert error.message == "exports[3].parts[1]: “size” is missing."


def test_free_names_lead_to_sections_that_may_be_left_empty():
    written = {"name": "a", "hidden": {"email": {"how": "trim"}, "phone": None}}
    assert read(ENTRIES, written)["hidden"] == {"email": {"how": "trim"}, "phone": {"how": "none"}}


def test_false_is_not_an_empty_section():
    told = refused({"hidden": {"email": False}})
    assert told.code == "definition.wrong_type"
    assert told.hint.startswith("Write its keys below it. Known keys here: ")


def test_a_secret_comes_back_hidden():
    values = read(ENTRIES, {"name": "a", "password": "hunter2"})
    assert values["password"] == Secret("hunter2")
    assert "hunter2" not in repr(values)


def test_a_secret_handed_in_is_taken_and_shown_only_where_it_is_none():
    values = read(ENTRIES, {"name": Secret("a"), "password": Secret("hunter2")})
    assert values["name"] == "a"
    assert values["password"] == Secret("hunter2")


def test_text_with_a_nul_is_refused_without_showing_it():
    error = refused({"password": "hunter\x002"})
    assert error.code == "definition.unusable_text"
    assert "hunter" not in repr(describe(error))


def test_what_is_no_mapping_at_all_is_refused():
    assert refused(["a"], ("servers",)).message == "servers: “servers” must be a set of keys, not a list."


def test_a_check_of_ones_own_sees_the_value_and_its_place():
    seen = []
    read((Option("name", "The name.", check=lambda value, path: seen.append((value, path))),), {"name": "a"}, ("x", 0))
    assert seen == [("a", ("x", 0, "name"))]


def test_an_error_survives_the_way_between_processes():
    error = pickle.loads(pickle.dumps(refused({"prot": 22}, ("servers", 0))))
    assert error.path == ("servers", 0, "prot")
    assert error.message == "servers[0]: “prot” is not a known key."


def test_kinds_and_explanations_are_told_in_the_readers_language():
    texts = {
        "{where}: “{key}” must be {expected_kind}, not {found_kind}.": "{where} : {key} : {expected_kind}, non {found_kind}.",
        "What it is for: {explanation}": "À quoi cela sert : {explanation}",
        "a whole number": "un nombre entier",
        "text": "du texte",
        "The port.": "Le port.",
    }
    told = render(describe(refused({"port": "text"})), lambda text: texts.get(text, text))
    assert told["message"] == "port : port : un nombre entier, non du texte."
    assert told["hint"] == "À quoi cela sert : Le port."


@pytest.mark.parametrize(
    "path, text",
    [((), "definition"), (("exports", 0, "file", "name"), "exports[0].file.name"), (("a",), "a")],
)
def test_a_place_is_described_the_way_a_person_points_at_it(path, text):
    assert describe_path(path) == text


@pytest.mark.parametrize(
    "word, known, near", [("Shedule", ["server", "schedule"], "schedule"), ("pop", ["code", "population"], "population")]
)
def test_the_nearest_word_is_found(word, known, near):
    assert nearest(word, known) == near


@pytest.mark.parametrize("word, known", [("zzz", ["first", "second"]), ("a", []), ("foo", ["folder", "sftp"])])
def test_where_no_word_is_near_none_is_suggested(word, known):
    assert nearest(word, known) == ""


def test_a_hint_suggests_only_what_is_near():
    assert refused({"prot": 22}).hint.startswith("Did you mean “port”? Known keys here: ")
    assert refused({"zzz": 22}).hint.startswith("Known keys here: ")


def test_a_hint_lists_only_what_is_known():
    problem = Problem("x", "Nothing.", "Did you mean “{nearest}”? Known: {known}. Then try again.")
    assert CommandError(problem, nearest="", known=[]).hint == "Then try again."
    french = {problem.hint: "Vouliez-vous dire « {nearest} » ? Connus : {known}. Puis recommencez."}
    told = render(describe(CommandError(problem, nearest="", known=["a"])), lambda text: french.get(text, text))
    assert told["hint"] == "Connus : a. Puis recommencez."


def test_what_another_stage_finds_wrong_is_told_with_its_place():
    with pytest.raises(DefinitionError) as caught, placed(("queries", 0, "sql"), "queries.late.sql"):
        raise CommandError(Problem("query.odd", "The query is odd.", "Mend it."))
    assert (caught.value.code, caught.value.path) == ("query.odd", ("queries", 0, "sql"))
    assert caught.value.message == "queries.late.sql: The query is odd."
