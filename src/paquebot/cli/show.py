"""`paquebot show RUN`: one run, whole."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("shows a run: its file, its proof, its steps")
EXAMPLES = ("paquebot show 42",)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("run", metavar="RUN", type=int, help=_("the run's number"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns what the run came to: 0, 1 or 4."""
    from paquebot.cli.opening import installation, project_of
    from paquebot.cli.telling import exit_code, tell_run

    with installation():
        from paquebot.records.selectors import find_run, run_document

        document = run_document(find_run(project_of(arguments), arguments.run), out.translate)
    out.document(document)
    tell_run(document, out)
    return exit_code(document)
