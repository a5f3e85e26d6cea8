"""What starts an export beside the clock, as it is written, refused and told."""

import pytest

from paquebot.export import ExportDefinition
from paquebot.options import DefinitionError
from paquebot.trigger import check_cycle

FOLLOWING = {"kind": "export", "export": "first"}


def trigger(written):
    return ExportDefinition.from_document({"name": "one", "trigger": written}).trigger


def refused(written):
    with pytest.raises(DefinitionError) as caught:
        trigger(written)
    return caught.value.code, caught.value.path[-1]


@pytest.mark.parametrize(
    "written, words",
    [
        (FOLLOWING, "After each delivery of first"),
        ({"kind": "export", "export": "first", "when": "ended"}, "After each end of first"),
        ({"kind": "source"}, "When its source changed"),
        ({"kind": "source", "watch": "rows"}, "When its source has another number of rows"),
        ({"kind": "rows", "table": "flags"}, "When the table flags has new rows"),
        ({"kind": "rows", "query": "new"}, "When the query new gives rows"),
        ({"kind": "file", "folder": "in", "file": "*.ready"}, "When a file *.ready arrives in in"),
    ],
)
def test_a_trigger_is_told_in_words(written, words):
    assert trigger(written).words(str) == words


@pytest.mark.parametrize(
    "written, code, key",
    [
        ({}, "definition.missing_key", "kind"),
        ({"kind": "moon"}, "definition.wrong_choice", "kind"),
        ({"kind": "export"}, "trigger.incomplete", "export"),
        ({"kind": "file", "folder": "in"}, "trigger.incomplete", "file"),
        ({"kind": "rows"}, "trigger.incomplete", "table"),
        ({"kind": "rows", "table": "a", "query": "b"}, "trigger.incomplete", "table"),
        ({"kind": "source", "file": "x"}, "trigger.contradiction", "file"),
        ({"kind": "file", "folder": "in", "file": "../x"}, "trigger.bad_pattern", "file"),
    ],
)
def test_a_trigger_that_says_too_little_or_too_much_is_refused(written, code, key):
    assert refused(written) == (code, key)


def test_a_trigger_stands_in_for_a_schedule():
    ready = {"name": "one", "state": "active", "destination": {"server": "x"}}
    assert ExportDefinition.from_document({**ready, "trigger": FOLLOWING}).state == "active"
    with pytest.raises(DefinitionError) as caught:
        ExportDefinition.from_document(ready)
    assert caught.value.code == "export.no_schedule"


def test_a_trigger_comes_back_exactly_from_the_document():
    definition = ExportDefinition.from_document({"name": "one", "trigger": FOLLOWING})
    assert definition.to_document()["trigger"] == {"kind": "export", "export": "first", "when": "delivered"}
    assert ExportDefinition.from_document(definition.to_document()) == definition


def test_a_circle_is_named():
    with pytest.raises(DefinitionError) as caught:
        check_cycle("a", {"a": "c", "b": "a", "c": "b"}, ("trigger", "export"))
    assert caught.value.message == "trigger.export: the exports would start one another for ever: a → b → c → a."


@pytest.mark.parametrize("followed", [{"a": "b"}, {"a": "b", "b": "c"}, {"a": "b", "b": "c", "c": "b"}])
def test_what_leads_to_no_circle_through_the_export_passes(followed):
    check_cycle("a", followed, ())


def test_an_export_cannot_follow_itself():
    with pytest.raises(DefinitionError) as caught:
        check_cycle("a", {"a": "a"}, ())
    assert "a → a" in caught.value.message
