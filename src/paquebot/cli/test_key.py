"""`paquebot test-key NAME`: a rehearsal: is the key usable today, and does what is encrypted for it open again?"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.errors import PackagingError, describe, render
from paquebot.language import translatable

HELP = translatable("rehearses a key: encrypts a sample, and opens it with a pair generated for the occasion")
EXAMPLES = ("paquebot test-key partner-2026",)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("name", metavar="NAME", help=_("the key's name"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 when the sample came back byte for byte, 1 otherwise."""
    from paquebot.cli.opening import installation, project_of

    with installation() as records:
        from paquebot.records.keys import REHEARSED, rehearsed
        from paquebot.records.models import EncryptionKey
        from paquebot.records.selectors import find_named

        key = find_named(EncryptionKey, project_of(arguments), arguments.name)
        try:
            done = rehearsed(records, key)
        except PackagingError as error:
            problem = render(describe(error), out.translate)
            out.document({"key": key.name, "ok": False, "error": problem})
            out.line(f"{problem['message']}\n  {problem['hint']}\n  ({problem['code']})")
            return 1
    proof = {"fingerprint": done.fingerprint, "sample_bytes": done.sample_bytes}
    out.document({"key": key.name, "ok": True, **proof, "error": None})
    out.line(out.translate(REHEARSED).format(size=done.sample_bytes, name=key.name))
    return 0
