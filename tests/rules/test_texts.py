"""Every text people read is complete in English and in French."""

import re
from collections import defaultdict

import catalogue
import pytest
from hatch_build import compiled

TEXTS = catalogue.collect()


@pytest.fixture(scope="module")
def french() -> dict[str, str]:
    return catalogue.read_catalogue(catalogue.CATALOGUE)


def test_every_text_is_written_where_it_can_be_found():
    assert TEXTS.unclear == []


def test_every_template_can_be_filled():
    for text in TEXTS.places:
        assert all(name.isidentifier() for name in catalogue.fields(text)), text


def test_a_code_belongs_to_one_module_and_to_one_wording_each():
    modules = defaultdict(set)
    for place, code, _, _ in TEXTS.problems:
        modules[code].add(place.partition(":")[0])
    assert {code: sorted(found) for code, found in modules.items() if len(found) > 1} == {}


def test_every_problem_has_a_code_a_message_and_a_hint():
    shape = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?")
    wanting = [place for place, code, message, hint in TEXTS.problems if not (shape.fullmatch(code) and message and hint)]
    assert TEXTS.problems
    assert wanting == []


def test_every_text_is_translated(french):
    assert [text for text in TEXTS.places if not french.get(text)] == []


def test_nothing_is_translated_that_nobody_says(french):
    assert [text for text in french if text not in TEXTS.places] == []


def test_a_translation_has_the_fields_of_its_text(french):
    translated = {text: catalogue.fields(translation) for text, translation in french.items() if translation}
    assert [text for text, fields in translated.items() if fields != catalogue.fields(text)] == []


def test_french_is_set_as_french(french):
    """When this fails for its spaces or apostrophes, `make messages` sets them right."""
    glued = re.compile(r"\w[;?!»](?=\s|$)|«\w|“")
    assert [text for text in french.values() if text != catalogue.typeset(text) or glued.search(text)] == []


def test_apostrophes_and_spaces_become_french_ones():
    assert (
        catalogue.typeset("« l'export {name} » : 5 % ; où ?")
        == "«\u00a0l’export {name}\u00a0»\u00a0: 5\u00a0%\u00a0; où\u00a0?"
    )
    assert catalogue.typeset("{{every: day, at: '06:30'}}") == "{{every: day, at: '06:30'}}"


def test_there_is_one_catalogue_as_the_tool_writes_it(french):
    assert list(catalogue.PARTS.glob("*.po")) == []
    assert catalogue.CATALOGUE.read_text("utf-8") == catalogue.written(french, TEXTS.places)


def test_the_installed_catalogue_is_the_one_in_the_sources():
    """When this fails, run `make` once: it compiles the catalogue."""
    assert catalogue.CATALOGUE.with_suffix(".mo").read_bytes() == compiled(catalogue.CATALOGUE)


def test_texts_are_found_in_every_way_they_are_declared(tmp_path):
    source = tmp_path / "src" / "paquebot"
    source.mkdir(parents=True)
    (source / "room.py").write_text(
        'GONE = Problem("room.gone", "{name} is " "gone.", hint="Look.")\n'
        'OPTIONS = (Option("size", "How big."), Section("file", explanation="The file."), Option("bad", EXPLAINED))\n'
        'DAYS = (translatable("monday"),)\n'
        'out.translate("Done.") or _("Told.") or word.translate(TABLE)\n'
    )
    texts = catalogue.collect(source)
    assert list(texts.places) == ["{name} is gone.", "Look.", "How big.", "The file.", "monday", "Done.", "Told."]
    assert texts.problems == [("src/paquebot/room.py:1", "room.gone", "{name} is gone.", "Look.")]
    assert texts.unclear == ["src/paquebot/room.py:2: Option with a text that is not a literal"]


def test_texts_of_templates_are_found(tmp_path):
    templates = tmp_path / "src" / "paquebot" / "web" / "templates"
    templates.mkdir(parents=True)
    (templates / "page.html").write_text(
        '{% say "Runs" %}{% say "To {server}" server=run.server %}{% counted n one="{n} run" many="{n} runs" %}\n'
        '{% include "x.html" with title=_("Nothing yet.") %}{% translate "Plain" %}{% say text %}\n'
        "{% blocktranslate %}Never{% endblocktranslate %}\n"
    )
    texts = catalogue.collect(tmp_path / "src" / "paquebot")
    assert set(texts.places) == {"Runs", "To {server}", "{n} run", "{n} runs", "Nothing yet.", "Plain"}
    assert len(texts.unclear) == 2
