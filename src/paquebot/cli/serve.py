"""`paquebot serve`: the whole application on one machine."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("serves the pages, keeps time and runs exports, all in one command")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("--host", default="127.0.0.1", help=_("address to listen on (127.0.0.1)"))
    parser.add_argument("--port", type=int, default=8000, help=_("port to listen on (8000)"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 once stopped by a signal, every part and the embedded database with it."""
    from paquebot.cli.opening import installation
    from paquebot.engine.serving import parts, serve, stop_on_signals

    stopping = stop_on_signals()
    with installation(wait=True) as records:
        out.note(out.translate("Paquebot serves on http://{host}:{port}").format(host=arguments.host, port=arguments.port))
        serve(records, parts(arguments.host, arguments.port), stopping)
    return 0
