"""`paquebot run EXPORT`: runs an export now, whatever its state; its schedule is left alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("runs an export now")
EXAMPLES = ("paquebot run unsubscribed --wait", "paquebot run unsubscribed --json")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("export", metavar="EXPORT", help=_("the export's name"))
    parser.add_argument("--complete", action="store_true", help=_("send all rows, also where only what changed would leave"))
    parser.add_argument("--wait", action="store_true", help=_("wait until it has ended and tell how it went"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 delivered, nothing to export, or queued without --wait; 1 failed or cancelled; 4 held."""
    from paquebot.cli.opening import installation, project_of

    with installation():
        from paquebot.cli.telling import exit_code, tell_run
        from paquebot.cli.waiting import wait_for
        from paquebot.engine.asking import run_now, worker_alive
        from paquebot.records.models import Export
        from paquebot.records.selectors import find_named, run_document

        run = run_now(find_named(Export, project_of(arguments), arguments.export), complete=arguments.complete)
        if arguments.wait:
            wait_for(run, out)
        elif not worker_alive():
            out.note(out.translate("No worker is running: start `paquebot serve`, or add --wait to have it carried out now."))
        document = run_document(run, out.translate)
    out.document(document)
    tell_run(document, out)
    return exit_code(document)
