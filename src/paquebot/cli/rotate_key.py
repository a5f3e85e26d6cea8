"""`paquebot rotate-key`: gives the installation a new key; everything stored is sealed again by it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from paquebot.cli.output import Output
from paquebot.errors import StoreError
from paquebot.language import translatable

HELP = translatable("gives the installation a new key")
EXAMPLES = ("paquebot rotate-key", "paquebot rotate-key --new-key-file /etc/paquebot/new.key")
_ORIGINS = ("PAQUEBOT_SECRET_KEY", "PAQUEBOT_SECRET_KEY_FILE")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument(
        "--new-key-file",
        metavar="FILE",
        type=Path,
        help=_("the file of the new key, where PAQUEBOT_SECRET_KEY or PAQUEBOT_SECRET_KEY_FILE gives the present one"),
    )


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0. Raises `StoreError` while anything else uses the installation."""
    from paquebot.cli.opening import installation

    origin = next((name for name in _ORIGINS if os.environ.get(name)), None)
    with installation() as records:
        from paquebot.records import rekeying
        from paquebot.records.secrets import key_from

        if arguments.new_key_file:
            count = rekeying.change_to(records.keyring, key_from(arguments.new_key_file))
        elif origin:
            raise StoreError(rekeying.KEY_GIVEN, origin=origin)
        else:
            count = rekeying.change_own_key(records.keyring, records.home.keys)
    out.document({"sealed_again": count})
    out.line(out.translate("The installation has a new key; {count} stored secrets were sealed by it.").format(count=count))
    out.line(
        out.translate(
            "Everybody signs in anew. Earlier receipts can still be verified. Make a backup now: it holds the new key."
        )
    )
    if arguments.new_key_file:
        told = out.translate("Set PAQUEBOT_SECRET_KEY_FILE to {path} before anything is started.")
        out.line(told.format(path=arguments.new_key_file.absolute()))
    return 0
