"""What is written as YAML reads back as the very same data, here and with readers of the older YAML."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as some

from paquebot.cli.yaml_reader import Positions, read_yaml
from paquebot.cli.yaml_writer import write_yaml

TEXTS = some.text(some.characters(blacklist_categories=("Cs", "Cc"), whitelist_characters="\n\t"), max_size=30)
SCALARS = some.none() | some.booleans() | some.integers(-(10**12), 10**12) | TEXTS
DATA = some.recursive(
    SCALARS,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(TEXTS.filter(lambda t: t != "<<"), inner, max_size=4),
)


@given(some.dictionaries(TEXTS.filter(lambda text: text != "<<"), DATA, max_size=5))
def test_anything_a_project_may_hold_comes_back(document):
    assert read_yaml(write_yaml(document), Positions("it.yaml")) == document


@pytest.mark.parametrize(
    "text", ["on", "no", "06:30", "0123", "1e5", "2026-11-24", "~", "null", "1_000", "=", "0x10", " a ", "a: b", "#"]
)
def test_a_text_stays_text_for_every_reader(text):
    written = write_yaml({"value": text, "more": [text]})
    assert read_yaml(written, Positions("it.yaml")) == {"value": text, "more": [text]}
    assert yaml.safe_load(written) == {"value": text, "more": [text]}


def test_sql_stands_as_it_was_written_and_short_lists_on_one_line():
    document = {"queries": [{"name": "q", "sql": "select 1\nfrom t\n"}], "key": ["code", "newsletter"]}
    assert write_yaml(document) == "queries:\n  - name: q\n    sql: |\n      select 1\n      from t\nkey: [code, newsletter]\n"
