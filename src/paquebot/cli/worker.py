"""`paquebot worker`: runs exports from the queue until stopped."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("runs exports from the queue until stopped")
EXAMPLES = ("paquebot worker",)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    """No option of its own."""


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 once stopped."""
    from paquebot.cli.opening import service

    with service() as records:
        from paquebot.engine.worker import work

        work(records)
    return 0
