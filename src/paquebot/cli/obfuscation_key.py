"""`paquebot obfuscation-key list | rotate | correspondence TABLE FIELD`: the project's key and its versions.

`correspondence` writes the file that leads from the tokens of one version to those of another; no value in clear is in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from paquebot.cli.output import Output
from paquebot.errors import CommandError, Problem
from paquebot.language import translatable

if TYPE_CHECKING:
    from paquebot.records.connection import Records
    from paquebot.records.models import Project

HELP = translatable("tells, renews or follows the project's obfuscation key")
EXAMPLES = (
    "paquebot obfuscation-key list",
    "paquebot obfuscation-key rotate",
    "paquebot obfuscation-key correspondence contacts email --output tokens.csv",
)

TABLE_AND_FIELD = Problem(
    "correspondence.table_and_field",
    "A correspondence is of one field of one table, and a field is missing here.",
    "Write: paquebot obfuscation-key correspondence TABLE FIELD --output FILE",
)
NO_OUTPUT = Problem(
    "correspondence.no_output",
    "Nobody said where the correspondence goes.",
    "Name a new file: --output FILE",
)
FILE_EXISTS = Problem(
    "correspondence.file_exists", "There is a file {file} already; it was left alone.", "Name a new file: --output FILE"
)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("action", choices=("list", "rotate", "correspondence"), help=_("what to do with the key"))
    parser.add_argument("table", nargs="?", metavar="TABLE", help=_("the table whose tokens are wanted"))
    parser.add_argument("field", nargs="?", metavar="FIELD", help=_("its obfuscated field"))
    parser.add_argument("--old", type=int, metavar="N", help=_("the version of the old tokens; the last but one"))
    parser.add_argument("--new", type=int, metavar="N", help=_("the version of the new tokens; the newest"))
    parser.add_argument(
        "--normalise",
        choices=("none", "trim", "lower", "email", "phone"),
        default="none",
        help=_("what exports do to the value before hashing"),
    )
    parser.add_argument("--region", default="", metavar="CA", help=_("the country of phone numbers written without a code"))
    parser.add_argument("--output", metavar="FILE", help=_("the file the correspondence is written to"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0."""
    from paquebot.cli.opening import installation, project_of

    with installation() as records:
        project = project_of(arguments)
        if arguments.action == "correspondence":
            _correspond(records, project, arguments, out)
            return 0
        if arguments.action == "rotate":
            _rotate(records, project, out)
        else:
            _list(project, out)
    return 0


def _rotate(records: Records, project: Project, out: Output) -> None:
    from paquebot.records.obfuscation_keys import rotate

    version = rotate(records, project, None)
    out.document({"project": project.name, "version": version})
    out.line(out.translate("Version {version} is the newest: exports that stay with none use it.").format(version=version))


def _list(project: Project, out: Output) -> None:
    from paquebot.records.obfuscation_keys import versions_of

    versions = versions_of(project)
    documents = [
        {"version": one.version, "created_at": one.created_at.isoformat(), "used_by": [use.name for use in one.users]}
        for one in versions
    ]
    out.document({"project": project.name, "versions": documents})
    _ = out.translate
    rows = [[str(one.version), f"{one.created_at:%Y-%m-%d}", ", ".join(use.name for use in one.users)] for one in versions]
    out.table([_("Version"), _("Since"), _("Used by")], rows)


def _correspond(records: Records, project: Project, arguments: argparse.Namespace, out: Output) -> None:
    from paquebot.engine import correspondence
    from paquebot.records.key_versions import key_versions
    from paquebot.records.models import Correspondence

    target = _target(arguments)
    known = key_versions(project)
    wanted = Correspondence(
        table=arguments.table,
        field=arguments.field,
        normalise=arguments.normalise,
        region=arguments.region,
        old_version=known[min(1, len(known) - 1)] if arguments.old is None else arguments.old,
        new_version=known[0] if arguments.new is None else arguments.new,
    )
    asked = correspondence.ask(project, wanted, None)
    correspondence.make(records, asked)
    _write(target, correspondence.download(records, asked, None))
    correspondence.remove(records, asked, None)
    out.document(_document(asked, target))
    told = out.translate("{file} holds the tokens of version {old} and what they are in version {new}: {rows} in all.")
    out.line(told.format(rows=asked.rows, old=asked.old_version, new=asked.new_version, file=target))


def _target(arguments: argparse.Namespace) -> Path:
    if not arguments.table or not arguments.field:
        raise CommandError(TABLE_AND_FIELD)
    if not arguments.output:
        raise CommandError(NO_OUTPUT)
    target = Path(arguments.output)
    if target.exists():
        raise CommandError(FILE_EXISTS, file=target)
    return target


def _write(target: Path, blocks: Iterable[bytes]) -> None:
    """Readable for its owner alone."""
    target.touch(mode=0o600, exist_ok=False)
    with target.open("wb") as file:
        for block in blocks:
            file.write(block)


def _document(asked: Any, target: Path) -> dict[str, Any]:
    named = ("table", "field", "old_version", "new_version", "rows", "size_bytes", "sha256")
    return {**{name: getattr(asked, name) for name in named}, "file": str(target)}
