"""Forms derived from options."""

import pytest


@pytest.fixture
def form(served):
    from paquebot.plugins import find
    from paquebot.web.option_form import OptionForm

    def make(written=None, **more):
        return OptionForm(find("destinations", "sftp").OPTIONS, written, **more)

    return make


GOOD = {"host": "sftp.example.org", "port": "22", "username": "u", "connect_timeout_seconds": "15"}
GOOD |= {"keepalive_interval_seconds": "1", "keepalive_count": "3"}


def test_values_are_what_the_options_read(form):
    from paquebot.credentials import Secret

    filled = form({**GOOD, "password": "pw"})
    assert filled.is_valid(), filled.errors
    assert filled.values()["port"] == 22
    assert filled.values()["password"] == Secret("pw")
    assert "host_key" not in filled.values()


def test_defaults_and_stored_values_are_shown(form):
    shown = form(stored={"host": "stored.example.org"})
    assert shown["host"].value() == "stored.example.org"
    assert shown["port"].value() == 22
    assert (shown["host"].label, shown["host"].help_text) == ("Address", "Name or address of the server.")
    assert (shown["keepalive_count"].label, shown["keepalive_count"].help_text) == ("How many calls may stay unanswered", "")


def test_every_wrong_field_is_told_beside_it_and_what_was_typed_is_kept(form):
    wrong = form({**GOOD, "host": "", "port": "99999", "username": "kept", "password": "pw", "private_key": "-----KEY"})
    assert not wrong.is_valid()
    assert set(wrong.errors) == {"host", "port"}
    assert 'value="kept"' in str(wrong["username"])
    assert "pw" not in str(wrong["password"])
    assert "-----KEY" not in str(wrong["private_key"])


def test_a_stored_secret_stays_when_nothing_is_written_and_is_never_shown(form):
    kept = form(GOOD, sealed={"password": "v1:sealed"})
    assert kept.is_valid()
    assert kept.kept_secrets == {"password"}
    assert "password" not in kept.values()
    assert "v1:sealed" not in kept.as_p()
    assert "never shown" in kept["password"].help_text


def test_an_option_with_choices_a_list_and_a_check_of_its_own(served):
    from paquebot.export_keys import EXPORT
    from paquebot.schedule_keys import SCHEDULE
    from paquebot.web.option_form import OptionForm

    chosen = OptionForm(SCHEDULE, {"every": "week", "on": ["monday", "friday"], "at": "06:30\n18:00\n"})
    assert chosen.is_valid(), chosen.errors
    assert chosen.values() == {"every": "week", "on": ["monday", "friday"], "at": ["06:30", "18:00"]}
    assert ("monday", "Monday") in chosen.fields["on"].choices
    zone = OptionForm(SCHEDULE, {"timezone": "Europe/Pariss"})
    assert not zone.is_valid()
    assert zone.errors["timezone"] == [
        "“Europe/Pariss” is not a known time zone. Did you mean “Europe/Paris”? "
        "Write a name such as Europe/Paris or America/Toronto."
    ]
    assert not OptionForm(EXPORT, {"name": "Not A Name", "state": "draft", "compression": "none"}).is_valid()


def test_every_option_with_named_choices_names_each_of_them(served):
    from paquebot.export_keys import EXPORT
    from paquebot.options import Option, Section

    def options(entries):
        for entry in entries:
            if isinstance(entry, Option):
                yield entry
            elif isinstance(entry, Section):
                yield from options(entry.entries)

    found = list(options(EXPORT))
    assert len(found) > 30
    assert [one.name for one in found if one.choice_labels and len(one.choice_labels) != len(one.choices)] == []
    assert [one.name for one in found if not one.label] == []
