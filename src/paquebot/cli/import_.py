"""`paquebot import TABLE FILE`: brings the rows of a CSV or XLSX file into a table of the project."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from paquebot.cli.output import Output
from paquebot.cli.progress import ProgressBar
from paquebot.language import translatable

HELP = translatable("imports a CSV or XLSX file into a table")
EXAMPLES = (
    "paquebot import contacts contacts.csv --key id --contacts",
    "paquebot import orders orders.xlsx --mode replace --dry-run",
)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("table", metavar="TABLE", help=_("the table; it is created when it does not exist"))
    parser.add_argument("file", metavar="FILE", help=_("CSV in UTF-8 or XLSX, the first line naming the columns"))
    parser.add_argument("--key", metavar="COLUMN", action="append", help=_("a key column; needed for a new table"))
    parser.add_argument(
        "--mode",
        choices=("merge", "add", "update", "replace"),
        default="merge",
        help=_("merge adds and changes rows by key, add and update do only the one, replace makes the table exactly the file"),
    )
    parser.add_argument("--replace", dest="mode", action="store_const", const="replace", help=_("the same as --mode replace"))
    parser.add_argument("--sheet", metavar="NAME", help=_("the sheet of a workbook; the first one when left out"))
    parser.add_argument("--dry-run", action="store_true", help=_("tells what would change, and changes nothing"))
    parser.add_argument(
        "--most-dropped",
        metavar="PERCENT",
        type=int,
        default=100,
        choices=range(101),
        help=_("refuse a replacement that would drop more than so many percent of the rows"),
    )
    parser.add_argument("--contacts", action="store_true", help=_("the table is the project's contact list"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 when the rows are in; nothing is changed otherwise."""
    from paquebot.cli.opening import installation, project_of
    from paquebot.cli.telling import tell_columns

    _ = out.translate
    stages = {"read": _("reading the file"), "compare": _("comparing rows"), "write": _("writing rows")}
    file, mode, dry = Path(arguments.file), arguments.mode, arguments.dry_run
    with installation() as records, ProgressBar() as bar:
        from paquebot.records.importing import Target, foresee_file, import_file

        def tell(stage: str, rows: int) -> None:
            counted = f"  {_('{rows} rows').format(rows=rows)}" if rows else ""
            bar.draw(list(stages).index(stage), len(stages), stages[stage] + counted)

        target = Target(
            project_of(arguments),
            arguments.table,
            tuple(arguments.key or ()),
            arguments.contacts,
            sheet=arguments.sheet,
            most_dropped=arguments.most_dropped,
        )
        if dry:
            result = foresee_file(records, target, file, mode).result
        else:
            result = import_file(records, target, file, mode, tell=tell)
    out.document({"table": arguments.table, "dry_run": dry, **asdict(result)})
    text = _("{table}: {read} rows read, {added} added, {changed} changed, {removed} removed (snapshot {snapshot}).")
    if dry:
        text = _(
            "{table}: {read} rows read; {added} would be added, {changed} changed, {removed} removed. Nothing was changed."
        )
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
    tell_columns(result.columns_added, result.columns_missing, out, replaced=mode == "replace")
    return 0
