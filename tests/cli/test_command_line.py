"""The whole command line: every command of the contract, examples that are commands, completion, bars on terminals only."""

from __future__ import annotations

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from paquebot.cli.completion import SHELLS, completion
from paquebot.cli.main import COMMANDS, main, parser_of
from paquebot.cli.progress import ProgressBar

CONTRACT = (
    *("serve", "worker", "scheduler", "apply", "plan", "dump", "import", "preview", "run", "history", "show", "retry"),
    *("ignore", "cancel", "test-destination", "verify", "user"),
)


def options_of(command: str) -> str:
    script = completion("bash", str)
    return next(line for line in script.splitlines() if line.strip().startswith(f"{command})"))


def test_every_command_of_the_contract_is_there_and_takes_project_and_json():
    assert set(CONTRACT) <= set(COMMANDS)
    for command in COMMANDS:
        assert "--project" in options_of(command)
        assert "--json" in options_of(command)
    assert "--wait" in options_of("run")
    assert "--fresh" in options_of("retry")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_shows_examples_that_are_commands(command, capsys):
    examples = import_module(f"paquebot.cli.{COMMANDS[command]}").EXAMPLES
    for example in examples:
        ours = next(part for part in re.split(r" [|>] ", example) if part.startswith(("paquebot", "eval")))
        words = shlex.split(ours)
        words = shlex.split(words[1].removeprefix("$(").removesuffix(")")) if words[0] == "eval" else words
        assert words[:2] == ["paquebot", command]
        assert parser_of(str).parse_args(words[1:]).command == command
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(f"  {example}\n" in told for example in examples)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["paquebot", "ret"], {"retry"}),
        (["paquebot", "retry", "--"], {"--project", "--json", "--fresh", "--wait"}),
        (["paquebot", "completion", ""], {"bash", "zsh", "fish", "--project", "--json"}),
    ],
)
def test_bash_completes_commands_and_their_options(words, expected):
    typed = " ".join(shlex.quote(word) for word in words)
    asked = f"COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _paquebot; echo ${{COMPREPLY[@]}}"
    ended = subprocess.run(["bash", "-c", f"{completion('bash', str)}\n{asked}"], capture_output=True, text=True, check=True)
    assert set(ended.stdout.split()) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_a_completion_script_is_one_its_shell_can_read(shell, tmp_path):
    script = completion(shell, str)
    assert all(command in script for command in COMMANDS)
    program = shutil.which(shell)
    if program:  # zsh and fish are seldom installed; what they would say is checked where they are
        file = tmp_path / "script"
        file.write_text(script)
        subprocess.run([program, "-n", str(file)], check=True)
    assert script.count("'") % 2 == 0, "every quote is closed"


def test_schema_and_completion_need_no_installation(capsys):
    assert main(["completion", "fish", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["shell"] == "fish"
    assert main(["schema", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["exports"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_a_terminal_and_gone_at_the_end():
    terminal = Terminal()
    with ProgressBar(terminal) as bar:
        bar.draw(3, 6, "send")
    drawn, _, rest = terminal.getvalue().partition("3/6  send")
    assert drawn.count("█") == drawn.count("░") == 12
    assert rest == "\r\x1b[2K"


def test_no_bar_is_drawn_where_nobody_looks():
    pipe = io.StringIO()
    with ProgressBar(pipe) as bar:
        bar.draw(3, 6, "send")
    assert pipe.getvalue() == ""


def test_a_reader_that_has_enough_is_no_defect():
    ended = subprocess.run(
        ["bash", "-c", "set -o pipefail; python -m paquebot.cli.main schema | head -1"],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
    )
    assert "defect" not in ended.stderr
