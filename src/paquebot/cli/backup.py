"""`paquebot backup FILE`: the whole installation in one archive, made while it goes on working."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING

from paquebot.cli.output import Output
from paquebot.errors import CommandError, Problem
from paquebot.language import translatable

if TYPE_CHECKING:
    from paquebot.records.backup import Manifest
    from paquebot.records.connection import Records

HELP = translatable("writes the whole installation, with its keys, into one archive")
EXAMPLES = ("paquebot backup paquebot.tar", "paquebot backup - | gpg --encrypt --recipient KEY > paquebot.tar.gpg")
STANDARD = "-"
TAKEN = Problem("command.taken", "There is a file “{path}” already.", "Choose another name, or move that file away.")
NOT_WRITTEN = Problem(
    "command.not_written", "“{path}” cannot be written ({reason}).", "Check the folder, its rights and its space."
)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("file", metavar="FILE", help=_("the archive, which must not exist yet; - for standard output"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0. The archive appears under its name once it is whole, readable by its owner alone."""
    from paquebot.cli.opening import installation
    from paquebot.records.backup import back_up

    with installation() as records:
        if arguments.file == STANDARD:
            back_up(records, sys.stdout.buffer)
            return 0
        manifest = _into_a_file(records, Path(arguments.file), back_up)
    out.document({"file": arguments.file, "files": len(manifest.members), "size_bytes": manifest.size_bytes})
    out.line(
        out.translate("{path} holds the installation: {count} files.").format(path=arguments.file, count=len(manifest.members))
    )
    out.line(out.translate("Whoever reads it can read everything, keys included: keep it encrypted, and somewhere else."))
    return 0


def _into_a_file(records: Records, path: Path, back_up: Callable[[Records, IO[bytes]], Manifest]) -> Manifest:
    if path.exists():
        raise CommandError(TAKEN, path=path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            manifest = back_up(records, file)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError as error:
        raise CommandError(NOT_WRITTEN, path=path, reason=error.strerror) from error
    finally:
        partial.unlink(missing_ok=True)
    return manifest
