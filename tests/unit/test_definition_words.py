"""What differs between a definition as a run froze it and today's."""

from paquebot.export import ExportDefinition
from paquebot.records.definition_words import differences


def frozen(**changes):
    written = {"name": "daily", "destination": {"server": "quay"}, **changes}
    return {
        "export": ExportDefinition.from_document(written).to_document(),
        "source": {"kind": "table", "name": "people", "key": ["id"], "fields": ["id", "email"]},
        "encryption_keys": [],
        "hmac_key_version": 1,
    }


def told(then, now):
    return [(one.label, one.then, one.now) for one in differences(then, now, str)]


def test_an_option_that_did_not_exist_yet_is_no_difference_from_its_default():
    now, then = frozen(), frozen()
    for key in ("retry", "duration", "two_step"):
        del then["export"][key]
    del then["export"]["production"]["twice"]
    assert told(then, now) == []


def test_what_is_no_default_is_still_told():
    then = frozen()
    del then["export"]["retry"]
    assert ("Attempts in all", "4", "9") in told(then, frozen(retry={"attempts": 9})) or told(
        then, frozen(retry={"attempts": 9})
    )


def test_a_definition_no_longer_understood_is_told_as_it_stands():
    then = frozen()
    then["export"]["two_step"] = "sometimes"
    assert [label for label, _, _ in told(then, frozen())] == ["Two-step transmission"]


def test_a_renewed_key_shows_where_values_depend_on_it():
    hidden = {"obfuscation": {"fields": {"email": {"treatment": "hash"}}}}
    then, now = frozen(**hidden), frozen(**hidden)
    now["hmac_key_version"] = 2
    assert told(then, now) == [("Version of the project’s key", "1", "2")]
    masked = {"obfuscation": {"fields": {"email": {"treatment": "mask"}}}}
    assert told(frozen(**masked), {**frozen(**masked), "hmac_key_version": 2}) == []


def test_masks_removals_and_added_columns_are_told():
    now = frozen(
        content={"contacts": {}, "calculated": [{"name": "country", "constant": "CA"}]},
        obfuscation={"fields": {"email": {"treatment": "mask", "shown": 2}, "id": {"treatment": "remove"}}},
    )
    now["source"]["calculated"] = now["export"]["content"]["calculated"]
    found = told(frozen(), now)
    assert ("Added column country", "", "“CA”") in found
    assert ("email", "", "Mask · Last characters shown: 2") in found
    assert ("id", "", "Remove") in found
