"""What an export is: its defaults, what it refuses, and that it comes back exactly from its document."""

import json

import pytest

from paquebot.export import (
    ConfirmationChoice,
    ContentChoice,
    DestinationChoice,
    ExportDefinition,
    FieldObfuscation,
    FileOptions,
    ProductionOptions,
)
from paquebot.options import DefinitionError
from paquebot.schedule import Schedule

FULL = {
    "name": "desabonnements-quotidiens",
    "label": "Désabonnements du jour",
    "description": "Aucun autre système n'écrit à une personne désabonnée.",
    "state": "active",
    "destination": {"server": "partenaire", "folder": "/entrant"},
    "schedule": {"every": "day", "at": "06:30", "timezone": "America/Toronto"},
    "content": {"query": "desabonnements"},
    "production": {"mode": "complete", "when_empty": "no_file", "if_exists": "refuse", "order": "none"},
    "file": {
        "name": "desabonnements_{run.local_date:%Y%m%d}",
        "format": "csv",
        "delimiter": ";",
        "encoding": "utf-8",
        "header": False,
        "line_ending": "lf",
    },
    "obfuscation": {
        "algorithm": "sha256",
        "fields": {"email": {"normalise": "email"}, "code": None, "phone": {"normalise": "phone", "region": "CA"}},
    },
    "compression": "gzip",
    "encryption": {"openpgp": ["partenaire-2026"]},
    "two_step": False,
    "confirmation": {
        "folder": "/preuves",
        "name": "desabonnements_{run.local_date:%Y%m%d}.ok.json",
        "format": "text",
        "content": ["rows", "sha256"],
    },
}


def export(**changes):
    written = {"name": "grandes-villes", **changes}
    return ExportDefinition.from_document({key: value for key, value in written.items() if value is not None})


def refused(**changes):
    with pytest.raises(DefinitionError) as caught:
        export(**changes)
    return caught.value


def test_a_name_alone_makes_a_draft_with_the_promised_defaults():
    assert export() == ExportDefinition(
        name="grandes-villes",
        label="grandes-villes",
        description="",
        state="draft",
        destination=None,
        schedule=None,
        content=ContentChoice(kind="contacts", name=None, fields=None),
        production=ProductionOptions(mode="complete", when_empty="header_only", if_exists="replace", order="key"),
        file=FileOptions(
            name="{export}_{run.local_date:%Y%m%d}",
            format="csv",
            extension="",
            options={
                "header": True,
                "delimiter": ",",
                "quoting": "needed",
                "escape": "double",
                "line_ending": "crlf",
                "encoding": "utf-8",
                "unencodable": "fail",
                "reader": "machine",
                "null_text": "",
                "decimal_mark": ".",
                "trailing_zeros": True,
                "dates": "",
                "times": "",
                "booleans": "true/false",
            },
        ),
        obfuscation=None,
        compression="none",
        encryption=None,
        two_step=True,
        confirmation=None,
    )


def test_empty_sections_have_the_same_defaults():
    assert export(content={}, production={}, file={}) == export()
    assert export(content={"contacts": {}}) == export()


def test_everything_written_is_read():
    read = ExportDefinition.from_document(FULL)
    assert read.destination == DestinationChoice("partenaire", "/entrant")
    assert read.schedule == Schedule(timezone="America/Toronto", every="day", at=("06:30",))
    assert read.content == ContentChoice("query", "desabonnements")
    assert read.production == ProductionOptions(when_empty="no_file", if_exists="refuse", order="none")
    assert read.file.options["delimiter"] == ";"
    assert read.obfuscation.algorithm == "sha256"
    assert read.obfuscation.fields == {
        "email": FieldObfuscation("email"),
        "code": FieldObfuscation("none"),
        "phone": FieldObfuscation("phone", "CA"),
    }
    assert read.encryption_keys == ("partenaire-2026",)
    assert read.two_step is False
    assert read.confirmation == ConfirmationChoice(
        "desabonnements_{run.local_date:%Y%m%d}.ok.json", "/preuves", "text", ("rows", "sha256")
    )


@pytest.mark.parametrize(
    "written",
    [
        FULL,
        {"name": "a"},
        {"name": "a", "content": {"contacts": {"fields": ["code", "email"]}}},
        {"name": "a", "content": {"table": "subscriptions"}},
        {"name": "a", "confirmation": {"name": "ok.json"}, "destination": {"server": "quai"}},
        {"name": "a", "schedule": {"cron": "30 6 * * 1-5"}},
        {"name": "a", "columns": {"policy": "hold"}, "hold": {"rows_under": 1, "empty_over": {"email": 5}}},
        {"name": "a", "content": {"contacts": {"group": "pilotes", "where": {"field": "region", "op": "in", "value": ["a"]}}}},
    ],
)
def test_an_export_comes_back_exactly_from_its_document_kept_as_json(written):
    once = ExportDefinition.from_document(written, timezone="Europe/Paris")
    kept = json.loads(json.dumps(once.to_document()))
    assert ExportDefinition.from_document(kept) == once
    assert ExportDefinition.from_document(kept).to_document() == kept


def test_the_kept_document_writes_every_default_out():
    assert export(schedule={"every": "hour"}, destination={"server": "quai"}).to_document() == {
        "name": "grandes-villes",
        "label": "grandes-villes",
        "description": "",
        "state": "draft",
        "destination": {"server": "quai", "folder": ""},
        "schedule": {"every": "hour", "minute": 0, "timezone": "UTC"},
        "content": {"contacts": {}},
        "production": {"mode": "complete", "when_empty": "header_only", "if_exists": "replace", "order": "key", "twice": False},
        "file": {
            "name": "{export}_{run.local_date:%Y%m%d}",
            "format": "csv",
            "extension": "",
            "header": True,
            "delimiter": ",",
            "quoting": "needed",
            "escape": "double",
            "line_ending": "crlf",
            "encoding": "utf-8",
            "unencodable": "fail",
            "reader": "machine",
            "null_text": "",
            "decimal_mark": ".",
            "trailing_zeros": True,
            "dates": "",
            "times": "",
            "booleans": "true/false",
            "header_record": "",
            "trailer_record": "",
        },
        "compression": "none",
        "two_step": True,
        "retry": {"attempts": 4, "wait_seconds": 2, "growth": 5},
        "duration": {"unusual_times": 3},
        "priority": "normal",
    }


def test_a_file_keeps_the_options_of_its_format_and_no_others():
    read = export(file={"format": "xlsx", "sheet": "Abonnés", "labels": {"code": "Code géographique"}}).file
    assert read.options == {"labels": {"code": "Code géographique"}, "header": True, "sheet": "Abonnés"}


@pytest.mark.parametrize(
    "changes, code, said",
    [
        ({"file": {"format": "parquet", "delimiter": ";"}}, "definition.meaningless_option", "delimiter"),
        ({"file": {"format": "csv", "sheet": "Abonnés"}}, "definition.meaningless_option", "sheet"),
        ({"file": {"dates": "%A"}}, "definition.bad_pattern", "%A"),
        ({"file": {"times": "%Y%"}}, "definition.bad_pattern", "%"),
        ({"file": {"booleans": "oui"}}, "definition.bad_words", "oui"),
        ({"file": {"booleans": "1/1"}}, "definition.bad_words", "1/1"),
        ({"file": {"null_text": "a\nb"}}, "definition.unusable_line", "null_text"),
        ({"file": {"labels": {"code": ""}}}, "definition.bad_label", "code"),
        ({"file": {"extension": "../txt"}}, "definition.bad_extension", "../txt"),
        ({"file": {"format": "xml", "row_element": "a b"}}, "definition.bad_element", "a b"),
        ({"file": {"format": "xlsx", "sheet": "a/b"}}, "definition.bad_sheet", "a/b"),
        ({"compression": "gzip", "compression_level": 9}, "definition.bad_level", "9"),
        ({"compression_level": 1}, "definition.meaningless_with_compression", "compression_level"),
        ({"compression": "gzip", "zip_name": "x.csv"}, "definition.meaningless_with_compression", "zip_name"),
    ],
)
def test_an_option_of_the_file_that_cannot_be_is_refused_where_it_stands(changes, code, said):
    error = refused(**changes)
    assert error.code == code
    assert said in error.message


def test_an_encryption_keeps_whether_it_is_armoured():
    armoured = export(encryption={"openpgp": "partenaire", "armour": True})
    assert armoured.to_document()["encryption"] == {"openpgp": ["partenaire"], "armour": True}
    assert ExportDefinition.from_document(armoured.to_document()) == armoured


def test_a_confirmation_tells_everything_unless_chosen():
    assert export(confirmation={"name": "ok.json"}).confirmation.content == (
        "export",
        "run",
        "file_name",
        "remote_path",
        "rows",
        "size_bytes",
        "sha256",
        "columns",
        "format",
        "started_at",
        "finished_at",
        "key_fingerprints",
    )


# ── what is missing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_activation_needs_a_destination_and_a_schedule_and_a_run_only_a_destination():
    server, hourly = {"server": "quai"}, {"every": "hour"}

    def codes(definition):
        return [
            [problem.code for problem in missing]
            for missing in (definition.missing_for_activation(), definition.missing_for_run())
        ]

    assert codes(export()) == [["export.no_destination", "export.no_schedule"], ["export.no_destination"]]
    assert codes(export(destination=server)) == [["export.no_schedule"], []]
    assert codes(export(schedule=hourly)) == [["export.no_destination"], ["export.no_destination"]]
    assert codes(export(destination=server, schedule=hourly)) == [[], []]


@pytest.mark.parametrize(
    "changes, code",
    [({"schedule": {"every": "hour"}}, "export.no_destination"), ({"destination": {"server": "quai"}}, "export.no_schedule")],
)
def test_an_active_export_that_lacks_something_is_refused(changes, code):
    assert refused(state="active", **changes).code == code
    assert export(state="paused", **changes).state == "paused"


def test_what_is_missing_is_said_with_the_name_of_the_export():
    definition = export()
    with pytest.raises(DefinitionError) as caught:
        definition.require(definition.missing_for_run())
    assert caught.value.message == "grandes-villes: the export has no destination."


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["", "Majuscule", "é", "a b", "-a", "_a", "a/b", "a.b", "a\n", "a" * 81])
def test_what_cannot_be_a_name_is_refused(name):
    assert refused(name=name).code in ("definition.bad_name", "definition.missing_key")


@pytest.mark.parametrize("name", ["a", "2026", "a-b_c", "a" * 80])
def test_what_can_be_a_name_is_taken(name):
    assert export(name=name).name == name


@pytest.mark.parametrize("name", ["entrant/fichier", "a\\b", ".cache", "..", " ", "a\nb", "{run.local_date:%Y/%m}"])
def test_a_file_name_that_is_none_is_refused(name):
    assert refused(file={"name": name}).code == "export.bad_file_name"
    assert refused(confirmation={"name": name}).code == "export.bad_file_name"


@pytest.mark.parametrize("folder", ["../x", "/entrant/..", "a/../b", "a\nb"])
def test_a_folder_that_leads_upwards_is_refused(folder):
    assert refused(destination={"server": "quai", "folder": folder}).code == "export.bad_folder"


def test_an_export_has_one_content():
    error = refused(content={"query": "a", "contacts": {"fields": ["code"]}})
    assert error.code == "export.content_not_one"
    assert error.message == "content: an export has one content, and this one names contacts, query."


def test_a_field_to_obfuscate_must_be_exported_or_it_was_misspelled():
    error = refused(
        content={"contacts": {"fields": ["code", "email"]}}, obfuscation={"fields": {"emial": {"normalise": "email"}}}
    )
    assert error.code == "export.obfuscated_field_not_exported"
    assert error.path == ("obfuscation", "fields", "emial")
    assert error.hint == "Did you mean “email”? Exported: code, email."


@pytest.mark.parametrize("region", [None, "ca", "CAN", ""])
def test_phone_numbers_need_a_region(region):
    assert refused(obfuscation={"fields": {"phone": {"normalise": "phone", "region": region}}}).code == "export.phone_region"


def test_a_region_without_phone_numbers_is_refused():
    assert refused(obfuscation={"fields": {"email": {"region": "CA"}}}).code == "export.needless_region"


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({"shown": 4}, "export.needless_shown"),
        ({"treatment": "remove", "shown": 4}, "export.needless_shown"),
        ({"treatment": "remove", "normalise": "trim"}, "export.needless_normalise"),
        ({"treatment": "mask", "shown": 33}, "definition.out_of_bounds"),
        ({"treatment": "blur"}, "definition.wrong_choice"),
    ],
)
def test_a_treatment_that_means_nothing_is_refused(how, code):
    assert refused(obfuscation={"fields": {"email": how}}).code == code


def test_masks_removals_and_a_pinned_key_are_kept_and_written_back():
    written = {
        "key_version": 2,
        "fields": {
            "email": {"treatment": "mask"},
            "phone": {"treatment": "mask", "shown": 2, "normalise": "phone", "region": "CA"},
            "notes": {"treatment": "remove"},
            "code": {},
        },
    }
    read = export(obfuscation=written)
    assert read.obfuscation.fields["email"] == FieldObfuscation(treatment="mask", shown=4)
    assert (read.obfuscation.treated("hash"), read.obfuscation.uses_key) == (("code",), True)
    assert read.to_document()["obfuscation"] == {
        "algorithm": "hmac-sha256",
        "key_version": 2,
        "fields": {
            "email": {"normalise": "none", "treatment": "mask", "shown": 4},
            "phone": {"normalise": "phone", "region": "CA", "treatment": "mask", "shown": 2},
            "notes": {"normalise": "none", "treatment": "remove"},
            "code": {"normalise": "none"},
        },
    }
    assert ExportDefinition.from_document(read.to_document()) == read


def test_a_version_of_the_key_means_nothing_to_an_algorithm_without_one():
    error = refused(obfuscation={"algorithm": "sha256", "key_version": 1, "fields": {"email": {}}})
    assert (error.code, error.path) == ("export.needless_key_version", ("obfuscation", "key_version"))


@pytest.mark.parametrize(
    ("algorithm", "how", "code"),
    [
        ("hmac-sha256", {}, None),
        ("sha256", {}, "content.guessable_algorithm"),
        ("sha512", {}, "content.guessable_algorithm"),
        ("sha1", {}, "content.weak_algorithm"),
        ("md5", {}, "content.weak_algorithm"),
        ("md5", {"treatment": "mask"}, None),
    ],
)
def test_whoever_chooses_an_algorithm_is_told_what_is_wrong_with_it(algorithm, how, code):
    warning = export(obfuscation={"algorithm": algorithm, "fields": {"email": how}}).obfuscation.warning("daily")
    assert (warning and warning.code) == code
