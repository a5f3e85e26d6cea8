"""`paquebot restore FILE`: makes an empty installation what a backup holds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from paquebot.cli.output import Output
from paquebot.errors import CommandError
from paquebot.language import translatable

HELP = translatable("makes an empty installation what a backup holds")
EXAMPLES = ("paquebot restore paquebot.tar --paused", "gpg --decrypt paquebot.tar.gpg | paquebot restore -")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("file", metavar="FILE", help=_("the archive; - for standard input"))
    parser.add_argument(
        "--paused",
        action="store_true",
        help=_("pauses every active export, so that two installations never send the same file"),
    )


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0. Raises `StoreError` unless PAQUEBOT_HOME (and the database it names) is empty and the archive whole."""
    from paquebot.cli.backup import STANDARD
    from paquebot.cli.verify import UNREADABLE
    from paquebot.records.backup import restore
    from paquebot.records.home import Home

    home = Home.from_environment()
    if arguments.file == STANDARD:
        manifest = restore(home, sys.stdin.buffer, paused=arguments.paused)
    else:
        try:
            file = Path(arguments.file).open("rb")  # noqa: SIM115 - closed below; only opening it is answered for here
        except OSError as error:
            raise CommandError(UNREADABLE, path=arguments.file, reason=error.strerror) from error
        with file:
            manifest = restore(home, file, paused=arguments.paused)
    out.document({"files": len(manifest.members), "size_bytes": manifest.size_bytes, "paused": arguments.paused})
    out.line(
        out.translate("The installation stands in {folder}: {count} files.").format(
            folder=home.root, count=len(manifest.members)
        )
    )
    if arguments.paused:
        out.line(out.translate("Every export is paused: activate them once the other installation is off."))
    return 0
