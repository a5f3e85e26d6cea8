"""The `paquebot` command: finds the subcommand, runs it, and turns its errors into words and exit codes.

Exit codes: 0 delivered, nothing to export, or done · 1 the run failed or was cancelled · 2 the command was wrong ·
3 `plan` found a difference · 4 held. Nothing heavy is imported before a subcommand runs, so that `--help` is instant.
"""

from __future__ import annotations

import argparse
import gettext
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module

from paquebot import __version__
from paquebot.cli.output import Output
from paquebot.errors import PaquebotError, describe
from paquebot.language import DOMAIN, LOCALE_FOLDER, Translate, environment_language, supported, translatable, translator

COMMANDS = {
    "serve": "serve",
    "worker": "worker",
    "scheduler": "scheduler",
    "apply": "apply",
    "plan": "plan",
    "dump": "dump",
    "schema": "schema",
    "preview": "preview",
    "import": "import_",
    "run": "run",
    "history": "history",
    "show": "show",
    "retry": "retry",
    "ignore": "ignore",
    "cancel": "cancel",
    "release": "release",
    "arrived": "arrived",
    "refuse": "refuse",
    "verify": "verify",
    "test-destination": "test_destination",
    "test-key": "test_key",
    "obfuscation-key": "obfuscation_key",
    "user": "user",
    "rotate-key": "rotate_key",
    "backup": "backup",
    "restore": "restore",
    "completion": "completion",
}
"""Subcommand → its module in this package."""

ARGPARSE_WORDS = (
    translatable("usage: "),
    translatable("options"),
    translatable("positional arguments"),
    translatable("show this help message and exit"),
    translatable("show program's version number and exit"),
    translatable("%(prog)s: error: %(message)s\n"),
    translatable("argument %(argument_name)s: %(message)s"),
    translatable("the following arguments are required: %s"),
    translatable("unrecognized arguments: %s"),
    translatable("invalid choice: %(value)r (choose from %(choices)s)"),
    translatable("invalid %(type)s value: %(value)r"),
    translatable("expected one argument"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    _ = translator(None)
    _teach_argparse()
    parsed = parser_of(_).parse_args(arguments)
    out = Output(as_json=parsed.json, translate=_, language=supported(environment_language(os.environ)))
    try:
        return int(import_module(f"paquebot.cli.{COMMANDS[parsed.command]}").execute(parsed, out))
    except PaquebotError as error:
        out.error(error)
        return 2  # a run's own errors are kept in its history: what a command itself raises, it could not do as asked
    except KeyboardInterrupt:
        return 1
    except BrokenPipeError:
        # Whoever read our output has enough (`| head`); what is still in the buffer must find somewhere to go at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001  # told without the drivers' own words: they may quote values
        out.error(describe(error))
        out.note("".join(traceback.format_tb(error.__traceback__)))
        return 1


def _teach_argparse() -> None:
    """argparse asks gettext for its own words (`ARGPARSE_WORDS`): it is shown our catalogue, in the language we speak."""
    os.environ["LANGUAGE"] = supported(environment_language(os.environ))
    gettext.bindtextdomain(DOMAIN, LOCALE_FOLDER)
    gettext.textdomain(DOMAIN)


def parser_of(translate: Translate) -> argparse.ArgumentParser:
    """The parser of the whole command line, explained in the language of `translate`."""
    parser = argparse.ArgumentParser(prog="paquebot", description=translate("Automated exports, delivered and proved."))
    parser.add_argument("--version", action="version", version=f"paquebot {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar=translate("COMMAND"))
    for name, module_name in COMMANDS.items():
        module = import_module(f"paquebot.cli.{module_name}")
        help_text = translate(module.HELP)
        told = "\n".join(f"  {example}" for example in module.EXAMPLES)
        sub = commands.add_parser(
            name,
            help=help_text,
            description=help_text,
            epilog=f"{translate('examples:')}\n{told}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_common(sub, translate)
        module.configure(sub, translate)
    return parser


def add_common(parser: argparse.ArgumentParser, translate: Translate) -> None:
    """What every command takes."""
    parser.add_argument("--project", metavar="NAME", help=translate("the project (not needed when there is only one)"))
    parser.add_argument("--json", action="store_true", help=translate("one JSON document on standard output"))


if __name__ == "__main__":
    sys.exit(main())
