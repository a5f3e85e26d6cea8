"""`paquebot user add EMAIL`: makes a person who can sign in; the first one is an administrator."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.credentials import Secret
from paquebot.language import translatable

HELP = translatable("adds a person who can sign in")
EXAMPLES = (
    "paquebot user add ana@example.org --administrator",
    "paquebot user add bob@example.org --project letters --role editor",
)


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("action", choices=("add",), help=_("what to do with the person"))
    parser.add_argument("email", metavar="EMAIL", help=_("the e-mail, which is also the login"))
    parser.add_argument("--name", default="", help=_("the name people read"))
    parser.add_argument(
        "--role", default="viewer", help=_("what the person may do in --project: owner, editor, operator or viewer")
    )
    parser.add_argument("--administrator", action="store_true", help=_("sees and does everything in every project"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0. The password is asked for on a terminal, or is the first line of standard input."""
    from paquebot.cli.opening import installation

    password = _password(out)
    with installation():
        from paquebot.records.people import add_person, check_role, let_in
        from paquebot.records.selectors import find_project

        project = find_project(arguments.project) if arguments.project else None
        check_role(arguments.role)
        user = add_person(arguments.email, password, arguments.name, administrator=arguments.administrator)
        if project:
            let_in(user, project, arguments.role)
    out.document(
        {
            "email": user.email,
            "administrator": user.is_administrator,
            "project": project.name if project else None,
            "role": arguments.role if project else None,
        }
    )
    out.line(out.translate("{email} can sign in.").format(email=user.email))
    return 0


def _password(out: Output) -> Secret:
    if sys.stdin.isatty():
        return Secret(getpass.getpass(out.translate("Password:") + " "))
    return Secret(sys.stdin.readline().rstrip("\r\n"))
