"""`paquebot dump`: the project as code, in the shape `apply` and `plan` read."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("writes the whole project as a file that apply and plan read")
EXAMPLES = ("paquebot dump > project.yaml", "paquebot dump --project letters --json")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    """No option of its own."""


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0. No secret is in it: `env:` and `file:` as they were given, `stored:` for what was typed in the pages."""
    from paquebot.cli.opening import installation, project_of
    from paquebot.cli.yaml_writer import write_yaml

    with installation() as records:
        from paquebot.records.dumping import project_document

        document = project_document(records, project_of(arguments))
    out.document(document)
    out.text(write_yaml(document))
    return 0
