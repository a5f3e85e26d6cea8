"""`paquebot verify RECEIPT FILE`: whether the receipt is ours, and whether the file is the one it is about."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from paquebot.cli.output import Output
from paquebot.errors import CommandError, Problem, VerificationError
from paquebot.flow import BLOCK_BYTES, Measure, Meter
from paquebot.language import translatable

HELP = translatable("checks a receipt, and a file against it")
EXAMPLES = ("paquebot verify receipt.json unsubscribed.csv.gz",)
UNREADABLE = Problem("command.unreadable", "“{path}” cannot be read ({reason}).", "Check the path and the rights of the file.")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("receipt", metavar="RECEIPT", type=Path, help=_("the receipt, as the page of the run offers it"))
    parser.add_argument("file", metavar="FILE", type=Path, help=_("the file that arrived, or what was opened from it"))
    parser.add_argument(
        "--key", metavar="KEY.pem", type=Path, help=_("the public key of receipts, where there is no installation")
    )


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 when both hold, 1 when one does not; the key comes from the installation or from the caller, never from the
    receipt."""
    from paquebot.reporting.receipt import PLAIN, Receipt, require_same

    receipt = Receipt.from_file(_read(arguments.receipt))
    found = _measure(arguments.file)
    keys = _keys(arguments.key)
    try:
        facts = receipt.facts(keys)
        which = require_same(facts, found)
    except VerificationError as error:
        out.error(error)
        return 1
    out.document({"verified": True, "file": which, "receipt": facts})
    delivered = out.translate("The receipt is ours, and the file is {file_name} as run {run} delivered it (SHA-256 {sha256}).")
    opened = out.translate(
        "The receipt is ours, and the file is what run {run} closed as {file_name}, before compression and encryption "
        "(SHA-256 {sha256})."
    )
    told = opened if which == PLAIN else delivered
    out.line(told.format(file_name=facts["file_name"], run=facts["run"], sha256=found.sha256))
    return 0


def _keys(path: Path | None) -> list[Ed25519PublicKey]:
    from paquebot.cli.opening import installation
    from paquebot.reporting.receipt import from_pem

    if path is not None:
        return [from_pem(_read(path))]
    with installation():
        from paquebot.records.rekeying import receipt_keys

        return receipt_keys()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(UNREADABLE, path=str(path), reason=error.strerror) from error


def _measure(path: Path) -> Measure:
    meter = Meter()
    try:
        with path.open("rb") as file:
            for _ in meter.watch(iter(lambda: file.read(BLOCK_BYTES), b"")):
                pass
    except OSError as error:
        raise CommandError(UNREADABLE, path=str(path), reason=error.strerror) from error
    return meter.measure
