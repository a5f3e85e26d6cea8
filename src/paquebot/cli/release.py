"""`paquebot release RUN`: lets the very file of a held run leave."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("lets the held file of a run leave")
EXAMPLES = ("paquebot release 42 --wait",)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("run", metavar="RUN", type=int, help=_("the run's number"))
    parser.add_argument("--wait", action="store_true", help=_("wait until it has ended and tell how it went"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns what the run came to as `run` does: 0, also queued without --wait; 1 failed or cancelled."""
    from paquebot.cli.opening import installation, project_of

    with installation():
        from paquebot.cli.telling import exit_code, tell_run
        from paquebot.cli.waiting import wait_for
        from paquebot.engine.asking import release
        from paquebot.records.selectors import find_run, run_document

        run = find_run(project_of(arguments), arguments.run)
        release(run)
        if arguments.wait:
            wait_for(run, out)
        document = run_document(run, out.translate)
    out.document(document)
    tell_run(document, out)
    return exit_code(document)
