"""The confirmation file: the same facts as JSON, CSV, lines of text or the partner's own template, in the chosen order."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from paquebot.confirmation_keys import CONTENT_LABELS
from paquebot.events import SealedArtifact
from paquebot.export import ExportDefinition
from paquebot.flow import Measure
from paquebot.options import DefinitionError
from paquebot.reporting.confirmation import Confirmation

BEGUN = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
ENDED = datetime(2026, 11, 24, 11, 30, 4, tzinfo=UTC)
ARTIFACT = SealedArtifact(
    "kept", b"", "a.csv.gz", 2, ("code", "e-mail, main"), Measure(90, "aa"), Measure(40, "bb"), Measure(41, "cc")
)
FACTS = {"export": "désabonnements", "run": 7, "key_fingerprints": ["F1", "F2"], "format": "csv"}
CHOSEN = ("sha256", "rows", "columns", "export", "key_fingerprints")


def written(form: str, content: tuple[str, ...] = CHOSEN, template: str = "") -> str:
    confirmation = Confirmation("", "ok", form, content, FACTS, template)
    return confirmation.write(ARTIFACT, ["/in/a.csv.gz"], BEGUN, ENDED, "size").decode()


def test_json_keeps_the_chosen_order_and_the_kinds_of_values():
    told = json.loads(written("json"))
    assert list(told) == list(CHOSEN)
    assert told == {
        "sha256": "cc",
        "rows": 2,
        "columns": ["code", "e-mail, main"],
        "export": "désabonnements",
        "key_fingerprints": ["F1", "F2"],
    }


def test_csv_is_one_line_of_names_and_one_of_values_quoted_where_it_must_be():
    assert written("csv") == (
        'sha256,rows,columns,export,key_fingerprints\r\ncc,2,"code, e-mail, main",désabonnements,"F1, F2"\r\n'
    )


def test_text_is_a_line_for_each_information():
    assert written("text", ("rows", "plain_size_bytes", "plain_sha256", "size_bytes", "verification")) == (
        "rows: 2\nplain_size_bytes: 90\nplain_sha256: aa\nsize_bytes: 41\nverification: size\n"
    )


def test_a_template_is_the_whole_text_with_its_variables_filled():
    template = "{{OK}} {file_name};{rows};{finished_at:%Y%m%d%H%M%S};{started_at}\r\n"
    assert written("text", template=template) == "{OK} a.csv.gz;2;20261124113004;2026-11-24T11:30:00+00:00\r\n"


def test_everything_that_is_offered_can_be_told():
    names = tuple(CONTENT_LABELS)
    assert list(json.loads(written("json", names))) == list(names)


def test_without_a_file_there_are_zero_rows_and_nothing_a_file_alone_has():
    confirmation = Confirmation("", "ok", "json", ("rows", "file_name", "remote_path", "size_bytes", "sha256", "run"), FACTS)
    assert json.loads(confirmation.write(replace(ARTIFACT, rows=0), [], BEGUN, ENDED)) == {
        "rows": 0,
        "file_name": None,
        "remote_path": None,
        "size_bytes": 0,
        "sha256": None,
        "run": 7,
    }


def refused(**confirmation) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        ExportDefinition.from_document({"name": "x", "confirmation": {"name": "ok", **confirmation}})
    return caught.value


def test_a_variable_that_is_not_known_is_refused_with_those_that_are():
    error = refused(format="text", template="{sha265}")
    assert (error.code, error.path) == ("export.unknown_confirmation_variable", ("confirmation", "template"))
    assert error.hint.startswith("Did you mean “sha256”? Known: export, run, file_name, remote_path, rows,")


@pytest.mark.parametrize("template", ["{sha256", "{rows!r}", "{rows:05}", "{finished_at:%c}", "{finished_at.year}", "{0}"])
def test_a_template_that_asks_for_more_than_values_is_refused(template):
    code = "unknown_confirmation_variable" if template in {"{finished_at.year}", "{0}"} else "bad_confirmation_template"
    assert refused(format="text", template=template).code == f"export.{code}"


def test_a_template_means_something_in_a_text_alone():
    assert refused(format="csv", template="{rows}").code == "export.confirmation_template_alone"


def test_what_was_chosen_comes_back_from_its_document():
    chosen = {
        "name": "ok.txt",
        "folder": "/preuves",
        "format": "text",
        "content": ["sha256", "rows"],
        "template": "{rows}",
        "when_no_file": "zero_rows",
    }
    definition = ExportDefinition.from_document({"name": "x", "confirmation": chosen})
    assert definition.to_document()["confirmation"] == chosen
