"""Who is told of what, as a project file says it."""

import pytest

from paquebot.alerts import AlertChoice, Subscriber, merged, written
from paquebot.export import ExportDefinition
from paquebot.options import DefinitionError


def definition(**more):
    return ExportDefinition.from_document({"name": "daily", **more})


def refused(alerts):
    with pytest.raises(DefinitionError) as caught:
        definition(alerts=alerts)
    return caught.value


WRITTEN = [
    {"on": ["failed", "late", "recovered"], "to": ["admin@example.org", "relais@example.org"]},
    {"on": ["delivered"], "addresses": ["partenaire@example.net"]},
]


def test_what_is_written_is_read_and_written_again_the_same():
    once = definition(alerts=WRITTEN, deliver_by="07:00")
    assert once.alerts == (
        AlertChoice(("failed", "late", "recovered"), ("admin@example.org", "relais@example.org")),
        AlertChoice(("delivered",), (), ("partenaire@example.net",)),
    )
    document = once.to_document()
    assert (document["alerts"], document["deliver_by"]) == (WRITTEN, "07:00")
    assert ExportDefinition.from_document(document) == once


def test_saying_nothing_is_another_thing_than_saying_nobody():
    assert definition().alerts is None
    assert "alerts" not in definition().to_document()
    assert definition(alerts=[]).alerts == ()
    assert definition(alerts=[]).to_document()["alerts"] == []


def test_one_event_and_one_listener_may_stand_without_a_list():
    [choice] = definition(alerts=[{"on": "failed", "to": "Ana@Example.org"}]).alerts
    assert choice == AlertChoice(("failed",), ("ana@example.org",))


def test_a_listener_named_twice_hears_each_event_once_and_those_who_hear_the_same_stand_together():
    choices = [
        AlertChoice(("delivered",), ("a@x.org",), ("a@x.org",)),
        AlertChoice(("failed",), ("b@x.org", "a@x.org"), (), ("ops",)),
    ]
    listeners = merged(choices)
    assert listeners == [
        Subscriber("a@x.org", "to", ("failed", "delivered")),
        Subscriber("a@x.org", "addresses", ("delivered",)),
        Subscriber("b@x.org", "to", ("failed",)),
        Subscriber("ops", "channels", ("failed",)),
    ]
    assert written(listeners) == [
        {"on": ["failed"], "to": ["b@x.org"], "channels": ["ops"]},
        {"on": ["failed", "delivered"], "to": ["a@x.org"]},
        {"on": ["delivered"], "addresses": ["a@x.org"]},
    ]


@pytest.mark.parametrize(
    "alerts, code, path",
    [
        ([{"on": ["failed"]}], "alerts.nobody", ("alerts", 0)),
        ([{"on": ["failed"], "to": ["a@x.org", "nobody"]}], "alerts.bad_address", ("alerts", 0, "to", 1)),
        ([{"on": ["failed"], "addresses": ["a@x.org\nBcc: e@x.org"]}], "alerts.bad_address", ("alerts", 0, "addresses", 0)),
        ([{"on": ["fialed"], "to": ["a@x.org"]}], "definition.wrong_choice", ("alerts", 0, "on", 0)),
        ([{"on": [], "to": ["a@x.org"]}], "definition.empty_list", ("alerts", 0, "on")),
        ([{"to": ["a@x.org"]}], "definition.missing_key", ("alerts", 0, "on")),
        ({"on": ["failed"]}, "definition.wrong_type", ("alerts",)),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(alerts, code, path):
    error = refused(alerts)
    assert error.code == code
    assert error.path[: len(path)] == path


def test_a_misspelled_event_names_the_nearest():
    assert "Did you mean “failed”?" in refused([{"on": ["fialed"], "to": ["a@x.org"]}]).hint


def test_a_time_that_is_none_is_refused():
    with pytest.raises(DefinitionError) as caught:
        definition(deliver_by="7 o’clock")
    assert (caught.value.code, caught.value.path) == ("schedule.bad_time", ("deliver_by",))
