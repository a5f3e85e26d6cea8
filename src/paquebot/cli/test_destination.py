"""`paquebot test-destination NAME`: can this partner be reached, and does the whole delivery work there?"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("checks a server: sign-in, writing, comparing, renaming, removing")
EXAMPLES = ("paquebot test-destination partner", "paquebot test-destination partner --folder /in")


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("name", metavar="NAME", help=_("the server's name"))
    parser.add_argument("--folder", default="", help=_("the folder on the server to test in, or the dataset"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0 when every step worked, 1 otherwise; the test files are removed again."""
    from paquebot.cli.opening import installation, project_of
    from paquebot.cli.telling import duration
    from paquebot.errors import describe, render
    from paquebot.records import figures

    _ = out.translate
    with installation() as records:
        from paquebot.delivery.doctor import examine
        from paquebot.records.destinations import destination_of
        from paquebot.records.models import Server
        from paquebot.records.selectors import find_named
        from paquebot.records.words import test_step

        server = find_named(Server, project_of(arguments), arguments.name)
        destination = destination_of(records, server)
        findings, to_rows = examine(destination, arguments.folder), destination.CAPABILITIES.keeps_rows
    failed = next((finding.error for finding in findings if finding.error), None)
    problem = render(describe(failed), _) if failed else None
    steps = [
        {"name": finding.step, "status": "failed" if finding.error else "done", "seconds": finding.seconds}
        | ({} if finding.room_bytes is None else {"room_bytes": finding.room_bytes})
        for finding in findings
    ]
    out.document({"server": server.name, "ok": failed is None, "error": problem, "steps": steps})
    for finding in findings:
        line = f"  {'✗' if finding.error else '✓'} {test_step(finding.step, _):<32} {duration(finding.seconds, out.language)}"
        room = finding.room_bytes
        out.line(line if room is None else f"{line}   {_('{room} free').format(room=figures.size(room, out.language, _))}")
    if problem:
        out.line(f"  {problem['message']}\n  {problem['hint']}\n  ({problem['code']})")
    else:
        ready = _("{server} is ready to receive rows.") if to_rows else _("{server} is ready to receive files.")
        out.line(ready.format(server=server.name))
    return 1 if failed else 0
