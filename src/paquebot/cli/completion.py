"""`paquebot completion SHELL`: what makes a shell complete commands and their options, written from the commands themselves."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from paquebot.cli.output import Output
from paquebot.language import translatable

HELP = translatable("writes the completion of commands and options for bash, zsh or fish")
EXAMPLES = (
    'eval "$(paquebot completion bash)"',
    "paquebot completion zsh > ~/.zfunc/_paquebot",
    "paquebot completion fish > ~/.config/fish/completions/paquebot.fish",
)
SHELLS = ("bash", "zsh", "fish")
_BASH = """\
_paquebot() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} words="{commands}"
  if (( COMP_CWORD > 1 )); then
    case ${{COMP_WORDS[1]}} in
{cases}
      *) words="" ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -o default -F _paquebot paquebot
"""
_ZSH = """\
#compdef paquebot
_paquebot() {{
  local -a commands
  commands=(
{commands}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
{cases}
  esac
}}
compdef _paquebot paquebot
"""


def configure(parser: argparse.ArgumentParser, _: Callable[[str], str]) -> None:
    parser.add_argument("shell", choices=SHELLS, help=_("the shell"))


def execute(arguments: argparse.Namespace, out: Output) -> int:
    """Returns 0. Needs no installation."""
    script = completion(arguments.shell, out.translate)
    out.document({"shell": arguments.shell, "script": script})
    out.text(script)
    return 0


@dataclass
class Words:
    """What may follow a command: takes the place of its parser, and remembers what is added to it."""

    help: str
    options: dict[str, str] = field(default_factory=dict)
    choices: list[str] = field(default_factory=list)

    def add_argument(self, *flags: str, help: str = "", choices: tuple[str, ...] = (), **_: Any) -> None:  # noqa: A002 - argparse's name
        if flags[0].startswith("-"):
            self.options |= dict.fromkeys(flags, help)
        else:
            self.choices += choices

    @property
    def all(self) -> str:
        return " ".join([*self.choices, *self.options])


def completion(shell: str, translate: Callable[[str], str]) -> str:
    """The script for that shell, its explanations in the language of `translate`."""
    writers: Mapping[str, Callable[[Mapping[str, Words]], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return writers[shell](_commands(translate))


def _commands(translate: Callable[[str], str]) -> dict[str, Words]:
    from paquebot.cli.main import COMMANDS, add_common

    known = {}
    for name, module_name in COMMANDS.items():
        module = import_module(f"paquebot.cli.{module_name}")
        words: Any = Words(translate(module.HELP))
        add_common(words, translate)
        module.configure(words, translate)
        known[name] = words
    return known


def _bash(commands: Mapping[str, Words]) -> str:
    cases = "\n".join(f'      {name}) words="{words.all}" ;;' for name, words in commands.items())
    return _BASH.format(commands=" ".join(commands), cases=cases)


def _zsh(commands: Mapping[str, Words]) -> str:
    described = "\n".join(f"    {_quoted(f'{name}:{words.help}')}" for name, words in commands.items())
    cases = "\n".join(f"    {name}) _arguments {_zsh_arguments(words)} ;;" for name, words in commands.items())
    return _ZSH.format(commands=described, cases=cases)


def _zsh_arguments(words: Words) -> str:
    options = [_quoted(f"{flag}[{_bracketless(told)}]") for flag, told in words.options.items()]
    rest = f"*:word:({' '.join(words.choices)})" if words.choices else "*:file:_files"
    return " ".join([*options, _quoted(rest)])


def _fish(commands: Mapping[str, Words]) -> str:
    lines = []
    for name, words in commands.items():
        lines.append(f"complete -c paquebot -n __fish_use_subcommand -f -a {name} -d {_quoted(words.help)}")
        within = f"complete -c paquebot -n '__fish_seen_subcommand_from {name}'"
        lines += [f"{within} -l {flag.removeprefix('--')} -d {_quoted(told)}" for flag, told in words.options.items()]
        lines += [f"{within} -f -a {_quoted(' '.join(words.choices))}"] if words.choices else []
    return "\n".join(lines) + "\n"


def _bracketless(text: str) -> str:
    return text.replace("[", "(").replace("]", ")").replace(":", " ")


def _quoted(text: str) -> str:
    """Between single quotes, as all three shells read them."""
    return "'" + text.replace("'", "’") + "'"
