"""`paquebot serve`: the whole application on one machine."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.errors import CommandError, Problem
from paquebot.language import translatable

HELP = translatable("serves the pages, keeps time and runs exports, all in one command")
EXAMPLES = ("paquebot serve", "paquebot serve --host 0.0.0.0 --port 8080")

logger = logging.getLogger("paquebot.serve")

PORT_TAKEN = Problem(
    "serve.port_taken",
    "Port {port} on {host} is not free: {reason}.",
    "Choose another with --port, or stop the program that listens there.",
)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("--host", default="127.0.0.1", help=_("address to listen on (127.0.0.1)"))
    parser.add_argument(
        "--pages-only",
        action="store_true",
        help=_("serves the pages alone; schedulers and workers run elsewhere"),
    )
    parser.add_argument("--port", type=int, default=8000, help=_("port to listen on (8000)"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 once stopped by a signal, every part and the embedded database with it."""
    from paquebot.cli.opening import service
    from paquebot.engine.serving import parts, serve, stop_on_signals

    _refuse_taken_port(arguments.host, arguments.port)
    stopping = stop_on_signals()
    with service(wait=True) as records:
        address = f"http://{arguments.host}:{arguments.port}"
        logger.info(
            out.translate("Paquebot serves on {address}").format(address=address), extra={"facts": {"address": address}}
        )
        serve(records, parts(arguments.host, arguments.port, pages_only=arguments.pages_only), stopping)
    return 0


def _refuse_taken_port(host: str, port: int) -> None:
    """Web servers may share a port unseen; two of ours must not. Raises `CommandError`."""
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise CommandError(PORT_TAKEN, host=host, port=port, reason=error.strerror or type(error).__name__) from error
