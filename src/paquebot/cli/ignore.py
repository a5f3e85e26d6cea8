"""`paquebot ignore RUN`: leaves a run out of lists, or puts it back; deletes nothing."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("leaves a run out of lists; deletes nothing")
EXAMPLES = ("paquebot ignore 42", "paquebot ignore 42 --undo")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("run", metavar="RUN", type=int, help=_("the run's number"))
    parser.add_argument("--undo", action="store_true", help=_("put it back"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0."""
    from paquebot.cli.opening import installation, project_of

    with installation():
        from paquebot.records.run_log import ignore, notice
        from paquebot.records.selectors import find_run, run_document

        _ = out.translate
        run = find_run(project_of(arguments), arguments.run)
        if arguments.undo:
            notice(run, None)
            told = _("Run {run} stands in lists again.")
        else:
            ignore(run, None)
            told = _("Lists leave run {run} out. `paquebot ignore {run} --undo` puts it back.")
        document = run_document(run, out.translate)
    out.document(document)
    out.line(told.format(run=run.id))
    return 0
