"""`paquebot arrived RUN`: the partner has the file of a run of which nobody knew whether it arrived."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("says that the file of a held run arrived after all")
EXAMPLES = ("paquebot arrived 42",)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("run", metavar="RUN", type=int, help=_("the run's number"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0: the run is delivered, on that word."""
    from paquebot.cli.opening import installation, project_of

    with installation():
        from paquebot.cli.telling import exit_code, tell_run
        from paquebot.engine.asking import mark_arrived
        from paquebot.records.selectors import find_run, run_document

        run = find_run(project_of(arguments), arguments.run)
        mark_arrived(run)
        document = run_document(run, out.translate)
    out.document(document)
    tell_run(document, out)
    return exit_code(document)
