"""How a file is produced, as an export says it."""

import pytest

from paquebot.export import ExportDefinition
from paquebot.options import DefinitionError

QUERY = {"query": "q"}


def export(production, **more):
    return ExportDefinition.from_document({"name": "a", "production": production, **more})


def test_changes_alone_are_told_whole_and_read_back_the_same():
    written = {
        "mode": "changes",
        "key": ["code"],
        "complete_every": 7,
        "operation_as": "column",
        "operation_column": "quoi",
        "operation_words": "ajout/modif/retrait",
    }
    definition = export(written)
    others = {"when_empty": "header_only", "if_exists": "replace", "order": "key", "twice": False}
    assert definition.to_document()["production"] == {**written, **others}
    assert definition.production.words == {"added": "ajout", "changed": "modif", "removed": "retrait"}
    assert ExportDefinition.from_document(definition.to_document()) == definition


def test_what_only_changes_need_is_not_told_where_everything_leaves():
    assert set(export({}).to_document()["production"]) == {"mode", "when_empty", "if_exists", "order", "twice"}


@pytest.mark.parametrize(
    "production, more, code, told",
    [
        ({"complete_every": 7}, {}, "export.of_changes_alone", "“complete_every”"),
        ({"key": ["code"]}, {}, "export.of_changes_alone", "“key”"),
        ({"mode": "changes"}, {"content": QUERY}, "export.query_needs_key", "no key of its own"),
        (
            {"mode": "changes", "key": ["code"]},
            {"content": {"contacts": {"fields": ["email"]}}},
            "export.key_stays",
            "“code”",
        ),
        (
            {"mode": "changes"},
            {"destination": {"server": "bq", "table": {"name": "people"}}},
            "export.changes_to_table",
            "production.mode",
        ),
        ({"mode": "changes", "operation_words": "I/U"}, {}, "definition.bad_operation_words", "“I/U”"),
        ({"mode": "changes", "operation_words": "I/I/D"}, {}, "definition.bad_operation_words", "“I/I/D”"),
        (
            {"mode": "changes", "operation_as": "files", "operation_words": "a/A/d"},
            {},
            "definition.bad_operation_words",
            "“a/A/d”",
        ),
        (
            {"mode": "changes", "operation_as": "files", "operation_words": "../b/c"},
            {},
            "definition.bad_operation_words",
            "“../b/c”",
        ),
        ({"operation_as": "files"}, {}, "export.of_changes_alone", "“operation_as”"),
        ({"mode": "changes", "operation_column": " "}, {}, "definition.bad_operation_column", "name of a column"),
        ({"mode": "changes", "complete_every": 0}, {}, "definition.out_of_bounds", "complete_every"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(production, more, code, told):
    with pytest.raises(DefinitionError) as refused:
        export(production, **more)
    assert refused.value.code == code
    assert told in refused.value.message
