"""Plain data as YAML that reads back as exactly the same, here and in any other reader; short lists stand on one line."""

from __future__ import annotations

from typing import Any

import yaml

from paquebot.cli.yaml_reader import YAML_1_2

WIDTH = 120


class _Dumper(yaml.SafeDumper):
    """Quotes a text that YAML 1.1 or 1.2 would read as something else; never repeats a part by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Items of a list stand deeper than its key."""
        super().increase_indent(flow, indentless=False)


def write_yaml(document: Any) -> str:
    """The document as YAML text, ending with a new line."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH, indent=2)
    return text


def _text(dumper: _Dumper, value: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


def _sequence(dumper: _Dumper, value: list[Any]) -> yaml.Node:
    short = all(isinstance(item, (str, int, float, bool)) and "\n" not in str(item) for item in value)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", value, flow_style=short)


def _mapping(dumper: _Dumper, value: dict[str, Any]) -> yaml.Node:
    return dumper.represent_mapping("tag:yaml.org,2002:map", value, flow_style=not value)


_Dumper.add_representer(str, _text)
_Dumper.add_representer(list, _sequence)
_Dumper.add_representer(dict, _mapping)
for _name, _pattern, _first in YAML_1_2:
    _Dumper.add_implicit_resolver(_name, _pattern, _first)
