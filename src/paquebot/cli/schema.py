"""`paquebot schema`: the JSON Schema of project files, for editors that complete and check while one writes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("writes the JSON Schema of project files")
EXAMPLES = ("paquebot schema > project.schema.json",)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    """No option of its own."""


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0. Needs no installation."""
    document = project_file_schema()
    out.document(document)
    out.text(json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    return 0


def project_file_schema() -> dict[str, object]:
    """The schema, with the options of every kind of server there is here."""
    from paquebot import plugins
    from paquebot.json_schema import project_schema

    return project_schema({kind: plugins.find("destinations", kind).OPTIONS for kind in plugins.names("destinations")})
