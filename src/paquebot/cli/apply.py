"""`paquebot apply FILE.yaml`: makes the project what the file says."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.errors import render
from paquebot.language import translatable

HELP = translatable("creates or changes a project and its exports from a file")
EXAMPLES = ("paquebot apply project.yaml", "paquebot apply project.yaml --json")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("file", metavar="FILE.yaml", help=_("the project as code"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 when the project is as the file says. A wrong file changes nothing but imports made before the error.

    With several files to import, all are judged before the first is brought in.
    """
    from pathlib import Path

    from paquebot.cli.document import load
    from paquebot.cli.opening import installation, require_project
    from paquebot.cli.telling import tell_columns

    loaded = load(Path(arguments.file))
    require_project(arguments, loaded.document.project.name)
    with installation() as records:
        from paquebot.records.applying import apply_document

        with loaded.positions.explaining():
            report = apply_document(records, loaded.document)
    _ = out.translate
    report["warnings"] = [render(warning, _) for warning in report["warnings"]]
    out.document(report)
    out.line(_("Project {project} is as {file} says.").format(project=report["project"], file=arguments.file))
    for change in report["changes"]:
        out.line(f"  {_(change['what'])}: {_(change['kind'])} {change['name']} {change['detail']}".rstrip())
        tell_columns(change.get("columns_added", ()), change.get("columns_missing", ()), out)
    for warning in report["warnings"]:
        out.line(_("Beware: {what}").format(what=f"{warning['message']} {warning['hint']}"))
    return 0
