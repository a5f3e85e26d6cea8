"""`paquebot history [EXPORT]`: what ran, newest first."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("lists the runs, newest first")
EXAMPLES = ("paquebot history", "paquebot history unsubscribed --limit 100 --json")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("export", metavar="EXPORT", nargs="?", help=_("only this export's runs"))
    parser.add_argument("--ignored", action="store_true", help=_("those that are ignored too"))
    parser.add_argument("--limit", type=int, default=20, help=_("how many at most (20)"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0."""
    from paquebot.cli.opening import installation, project_of

    with installation():
        from paquebot.records.models import Export
        from paquebot.records.selectors import find_named, history, run_document

        project = project_of(arguments)
        export = find_named(Export, project, arguments.export) if arguments.export else None
        found = history(project, export, arguments.limit, ignored=arguments.ignored)
        documents = [run_document(run, out.translate) for run in found]
    out.document(documents)
    _tell(documents, project.timezone, out)
    return 0


def _tell(documents: list[dict[str, Any]], zone: str, out: Output) -> None:
    from paquebot.cli.telling import status_name

    _ = out.translate
    if not documents:
        out.line(_("No run yet. `paquebot run EXPORT --wait` makes the first."))
        return
    started = f"{_('started')} ({zone})"
    heading = (_("run"), started, _("export"), _("status"), _("file"), _("rows"), _("bytes"))
    rows = [
        (
            str(document["id"]),
            _started(document, _),
            str(document["export"]),
            status_name(str(document["status"]), _),
            str(document["file_name"] or ""),
            _number(document["rows"]),
            _number(document["size_bytes"]),
        )
        for document in documents
    ]
    out.table(heading, rows, right=frozenset({0, 5, 6}))


def _started(document: dict[str, Any], _: Callable[[str], str]) -> str:
    """When it started; of a run that has not, when it was due, was asked for, or will be tried again."""
    from paquebot.cli.telling import clock

    zone = document["timezone"]
    if document["not_before"]:
        return _("again at {moment}").format(moment=clock(document["not_before"], zone))
    if document["started_at"]:
        return clock(document["started_at"], zone)
    if document["trigger"] == "schedule":
        return _("due {moment}").format(moment=clock(document["scheduled_for"], zone))
    return _("asked {moment}").format(moment=clock(document["asked_at"], zone))


def _number(value: object) -> str:
    return "" if value is None else str(value)
