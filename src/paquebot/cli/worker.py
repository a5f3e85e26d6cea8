"""`paquebot worker`: runs exports from the queue until stopped."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

MOST_RUNS = 100
HELP = translatable("runs exports from the queue until stopped")
EXAMPLES = ("paquebot worker",)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("--runs", type=_runs, metavar=_("N"), help=_("how many runs it carries at once (5)"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 once stopped."""
    from paquebot.cli.opening import service

    with service() as records:
        from paquebot.engine.worker import RUNS_AT_ONCE, work

        work(records, arguments.runs or RUNS_AT_ONCE)
    return 0


def _runs(written: str) -> int:
    number = int(written)
    if not 1 <= number <= MOST_RUNS:
        raise ValueError(written)
    return number
