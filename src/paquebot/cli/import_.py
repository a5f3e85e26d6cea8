"""`paquebot import TABLE FILE.csv`: brings a file's rows into a table of the project."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from paquebot.cli.output import Output
from paquebot.cli.progress import ProgressBar
from paquebot.language import translatable

HELP = translatable("imports a CSV file into a table: merged by its key, or replacing it")
EXAMPLES = ("paquebot import contacts contacts.csv --key id --contacts", "paquebot import orders orders.csv --replace")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("table", metavar="TABLE", help=_("the table; it is created when it does not exist"))
    parser.add_argument("file", metavar="FILE.csv", help=_("UTF-8 text, the first line naming the columns"))
    parser.add_argument("--key", metavar="COLUMN", action="append", help=_("a key column; needed for a new table"))
    parser.add_argument("--replace", action="store_true", help=_("the table becomes exactly the file"))
    parser.add_argument("--contacts", action="store_true", help=_("the table is the project's contact list"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 when the rows are in; nothing is changed otherwise."""
    from paquebot.cli.opening import installation, project_of
    from paquebot.cli.telling import tell_columns

    _ = out.translate
    stages = {"read": _("reading the file"), "compare": _("comparing rows"), "write": _("writing rows")}
    with installation() as records, ProgressBar() as bar:
        from paquebot.records.importing import Target, import_file

        def tell(stage: str, rows: int) -> None:
            counted = f"  {_('{rows} rows').format(rows=rows)}" if rows else ""
            bar.draw(list(stages).index(stage), len(stages), stages[stage] + counted)

        result = import_file(
            records,
            Target(project_of(arguments), arguments.table, tuple(arguments.key or ()), arguments.contacts),
            Path(arguments.file),
            mode="replace" if arguments.replace else "merge",
            tell=tell,
        )
    out.document({"table": arguments.table, **asdict(result)})
    text = _("{table}: {read} rows read, {added} added, {changed} changed, {removed} removed (snapshot {snapshot}).")
    out.line(
        text.format(
            table=arguments.table,
            read=result.rows_read,
            added=result.added,
            changed=result.changed,
            removed=result.removed,
            snapshot=result.snapshot,
        )
    )
    tell_columns(result.columns_added, result.columns_missing, out, replaced=arguments.replace)
    return 0
