"""`paquebot refuse RUN`: ends a held run without sending its file."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("ends a held run without sending its file")
EXAMPLES = ("paquebot refuse 42",)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("run", metavar="RUN", type=int, help=_("the run's number"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 when the run is refused."""
    from paquebot.cli.opening import installation, project_of

    with installation() as records:
        from paquebot.cli.telling import tell_run
        from paquebot.engine.asking import refuse
        from paquebot.records.selectors import find_run, run_document

        run = find_run(project_of(arguments), arguments.run)
        refuse(records, run)
        document = run_document(run, out.translate)
    out.document(document)
    tell_run(document, out)
    return 0
