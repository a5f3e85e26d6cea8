"""`paquebot retry RUN`: sends the run's file again; with `--fresh`, makes it again with today's data."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("sends the file of a run again, or makes it again with today's data")
EXAMPLES = ("paquebot retry 42 --wait", "paquebot retry 42 --fresh")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("run", metavar="RUN", type=int, help=_("the run's number"))
    parser.add_argument("--fresh", action="store_true", help=_("make the file again with today's data and definition"))
    parser.add_argument("--wait", action="store_true", help=_("wait until it has ended and tell how it went"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns what the new run came to as `run` does: 0, also queued without --wait; 1 failed or cancelled; 4 held."""
    from paquebot.cli.opening import installation, project_of

    with installation() as records:
        from paquebot.cli.telling import exit_code, tell_run
        from paquebot.cli.waiting import wait_for
        from paquebot.engine.asking import make_again, send_again
        from paquebot.records.selectors import find_run, run_document

        retried = find_run(project_of(arguments), arguments.run)
        run = make_again(retried) if arguments.fresh else send_again(records, retried)
        if arguments.wait:
            wait_for(run, out)
        document = run_document(run, out.translate)
    out.document(document)
    tell_run(document, out)
    return exit_code(document)
