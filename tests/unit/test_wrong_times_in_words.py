"""What nobody could keep to, refused in one clear sentence, in both languages."""

from __future__ import annotations

import pytest

from paquebot.errors import describe, render
from paquebot.export import ExportDefinition
from paquebot.language import translator
from paquebot.options import DefinitionError
from paquebot.trigger import check_cycle

DAILY = {"every": "day", "at": "06:30"}


def told(error: DefinitionError, language: str) -> str:
    return render(describe(error), translator(language))["message"].replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("schedule", "english", "french"),
    [
        (
            {**DAILY, "end": "2027-02-31"},
            "schedule.end: “2027-02-31” is not a date of the calendar.",
            "schedule.end : « 2027-02-31 » n’est pas une date du calendrier.",
        ),
        (
            {"cron": "0 0 31 2 *"},
            "schedule.cron: the cron expression “0 0 31 2 *” names a date that never comes.",
            "schedule.cron : l’expression cron « 0 0 31 2 * » nomme une date qui n’arrive jamais.",
        ),
        (
            {"cron": "61 * * * *"},
            "schedule.cron: “61 * * * *” is not a cron expression Paquebot can read.",
            "schedule.cron : « 61 * * * * » n’est pas une expression cron que Paquebot sait lire.",
        ),
        (
            {**DAILY, "timezone": "America/Torronto"},
            "schedule.timezone: “America/Torronto” is not a known time zone.",
            "schedule.timezone : « America/Torronto » n’est pas un fuseau horaire connu.",
        ),
        (
            {**DAILY, "start": "2027-02-02", "end": "2027-02-01"},
            "schedule.end: the schedule ends on 2027-02-01, before it starts on 2027-02-02.",
            "schedule.end : l’horaire se termine le 2027-02-01, avant de commencer le 2027-02-02.",
        ),
        (
            {"every": "month", "days": "31", "at": "06:00", "start": "2027-02-01", "end": "2027-02-28"},
            "schedule: the schedule names no moment at which the export could run.",
            "schedule : l’horaire ne désigne aucun moment où l’export pourrait partir.",
        ),
    ],
)
def test_a_schedule_that_cannot_be_kept_is_refused_in_one_sentence(schedule, english, french):
    with pytest.raises(DefinitionError) as refused:
        ExportDefinition.from_document({"name": "a", "schedule": schedule})
    assert (told(refused.value, "en"), told(refused.value, "fr")) == (english, french)


def test_a_circle_of_triggers_is_refused_naming_it():
    with pytest.raises(DefinitionError) as refused:
        check_cycle("a", {"a": "b", "b": "a"}, ("trigger", "export"))
    assert told(refused.value, "en") == "trigger.export: the exports would start one another for ever: a → b → a."
    assert (
        told(refused.value, "fr") == "trigger.export : les exports se déclencheraient les uns les autres sans fin : a → b → a."
    )
