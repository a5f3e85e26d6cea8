"""`paquebot cancel RUN`: stops a run that has not ended."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("cancels a run that has not ended")
EXAMPLES = ("paquebot cancel 42",)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("run", metavar="RUN", type=int, help=_("the run's number"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 when the run is cancelled or about to be."""
    from paquebot.cli.opening import installation, project_of

    with installation():
        from paquebot.cli.telling import tell_run
        from paquebot.engine.asking import cancel
        from paquebot.records.selectors import find_run, run_document

        run = find_run(project_of(arguments), arguments.run)
        cancel(run)
        run.refresh_from_db()
        document = run_document(run, out.translate)
    out.document(document)
    tell_run(document, out)
    return 0
