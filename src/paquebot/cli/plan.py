"""`paquebot plan FILE.yaml`: what `apply` would change, thing by thing and key by key; nothing is changed."""

from __future__ import annotations

import argparse
import difflib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("tells what apply would change, and changes nothing")
EXAMPLES = ("paquebot plan project.yaml", "paquebot plan project.yaml --json")
DIFFERENT = 3

_SIGNS = {"created": "+", "changed": "~", "imported": ">"}
_COLOURS = {"+": "32", "-": "31", "~": "33", ">": "36"}
_INDENT = "    "


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("file", metavar="FILE.yaml", help=_("the project as code"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 when applying the file would change nothing, 3 when it would."""
    from pathlib import Path

    from paquebot.cli.document import load
    from paquebot.cli.opening import installation, require_project

    loaded = load(Path(arguments.file))
    require_project(arguments, loaded.document.project.name)
    with installation() as records:
        from paquebot.records.planning import plan_document

        with loaded.positions.explaining():
            plan = plan_document(records, loaded.document)
    out.document(plan)
    for line in told(plan, arguments.file, out.translate):
        out.line(_coloured(line) if out.coloured else line)
    return 0 if plan["same"] else DIFFERENT


def told(plan: Mapping[str, Any], file: str, _: Callable[[str], str]) -> Iterator[str]:
    """The plan line by line; the first sign of a line says what would become of it."""
    if plan["same"]:
        yield _("Project {project} is as {file} says.").format(project=plan["project"], file=file)
    else:
        yield _("Applying {file} would change the project {project}:").format(project=plan["project"], file=file)
    for change in plan["changes"]:
        yield f"{_SIGNS[change['what']]} {_(change['kind'])} {change['name']} ({_(change['what'])})"
        for difference in change["differences"]:
            yield from _difference(difference, _)
        yield from _drift(change, _)
    if plan["left_alone"]:
        names = ", ".join(f"{_(thing['kind'])} {thing['name']}" for thing in plan["left_alone"])
        yield _("Not in the file, and left alone: {things}.").format(things=names)


def _difference(difference: Mapping[str, Any], _: Callable[[str], str]) -> Iterator[str]:
    path, before, after = (difference[key] for key in ("path", "before", "after"))
    if difference.get("another_value"):
        yield f"~{_INDENT}{path}: {_written(after)} ({_('it stands for another value now')})"
        return
    if any("\n" in text for text in (before, after) if isinstance(text, str)):
        yield f"~{_INDENT}{path}:"
        yield from _lines(str(before or ""), str(after or ""))
        return
    if before is not None:
        yield f"-{_INDENT}{path}: {_written(before)}"
    if after is not None:
        yield f"+{_INDENT}{path}: {_written(after)}"


def _lines(before: str, after: str) -> Iterator[str]:
    """A text of several lines, with the lines that go and come."""
    for line in difflib.ndiff(before.splitlines(), after.splitlines()):
        if not line.startswith("?"):
            yield f"{line[0]}{_INDENT}  {line[2:]}".rstrip()


def _drift(change: Mapping[str, Any], _: Callable[[str], str]) -> Iterator[str]:
    if change.get("drift"):
        by = change["changed_by"] or _("somebody")
        paths = ", ".join(one["path"] for one in change["drift"])
        yield f" {_INDENT}{_('Changed by {person} since it was last applied: {keys}.').format(person=by, keys=paths)}"


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _coloured(line: str) -> str:
    colour = _COLOURS.get(line[:1])
    return f"\x1b[{colour}m{line}\x1b[0m" if colour else line
