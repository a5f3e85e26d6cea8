"""`paquebot scheduler`: requests the runs that are due until stopped."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("requests the runs that are due until stopped")
EXAMPLES = ("paquebot scheduler",)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    """No option of its own."""


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 once stopped."""
    from paquebot.cli.opening import service

    with service() as records:
        from paquebot.engine.scheduler import keep_time

        keep_time(records)
    return 0
