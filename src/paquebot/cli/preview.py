"""`paquebot preview EXPORT`: the beginning of the file as it would be now, and how many rows it would have; nothing leaves."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from paquebot.cli.output import Output
from paquebot.errors import CommandError, Problem
from paquebot.language import translatable

HELP = translatable("shows the first rows of the file as it would be now")
EXAMPLES = ("paquebot preview unsubscribed", "paquebot preview unsubscribed --rows 50 > sample.csv")
MOST_ROWS = 10_000
ROWS_OUT_OF_BOUNDS = Problem(
    "preview.rows_out_of_bounds", "--rows {rows} cannot be shown.", "Ask for 0 (the header alone) to {most} rows."
)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("export", metavar="EXPORT", help=_("the export's name"))
    parser.add_argument("--rows", type=int, default=5, help=_("how many rows at most (5)"))
    parser.add_argument("--sql", action="store_true", help=_("the SELECT its rows come from, in their place"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0. What is obfuscated is shown so; compression and encryption are left out."""
    from paquebot.cli.opening import installation, project_of

    if not 0 <= arguments.rows <= MOST_ROWS:
        raise CommandError(ROWS_OUT_OF_BOUNDS, rows=arguments.rows, most=MOST_ROWS)
    with installation() as records:
        from paquebot.records.models import Export
        from paquebot.records.selectors import find_named

        export = find_named(Export, project_of(arguments), arguments.export)
        return _sql(records, export, out) if arguments.sql else _rows(records, export, arguments.rows, out)


def _rows(records: Any, export: Any, most: int, out: Output) -> int:
    from paquebot.engine.previewing import count, preview
    from paquebot.export import ExportDefinition

    definition = ExportDefinition.from_document(export.definition)
    found = preview(records, export, definition, most)
    rows = found.rows if found.is_whole else count(records, export, definition)
    out.document(
        {
            "export": export.name,
            "format": found.format or definition.file.format,
            "columns": list(found.columns),
            "text": found.text,
            "rows_shown": found.rows,
            "rows": rows,
        }
    )
    out.text(found.text)
    _ = out.translate
    if not out.as_json:
        out.note(_("{shown} of {rows} rows.").format(shown=found.rows, rows=rows))
        if found.format:
            out.note(_("The file will be {format}, which is no text: its rows are shown as CSV.").format(format=found.format))
    return 0


def _sql(records: Any, export: Any, out: Output) -> int:
    from paquebot.engine.previewing import sql
    from paquebot.export import ExportDefinition

    text, values = sql(records, export, ExportDefinition.from_document(export.definition))
    bound = {name: _plain(value) for name, value in values.items()}
    out.document({"export": export.name, "sql": text, "parameters": bound})
    out.line(text.rstrip())
    for name, value in bound.items():
        out.line(f"-- ${name} = {value}")
    return 0


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, list) else value if value is None else str(value)
