"""YAML as plain data, with the line of every key.

The rules are those of YAML 1.2, so that what people write is what is read: `on` and `no` are text, `18:30` is text, `0123`
keeps its zero, a date stays as written. A key written twice is refused. Anchors, aliases and `<<` work; tags do not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import yaml

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Path, describe_path

BAD_YAML = Problem(
    "definition.bad_yaml",
    "{where}: this is not valid YAML (column {column}).",
    "Look at that line and the one before: the indentation, a missing colon or bracket, a tab, or a text that needs quotes.",
)
REPEATED_KEY = Problem(
    "definition.repeated_key", "{where}: “{key}” is written twice.", "Keep one of them; the first is on line {first}."
)
NOT_A_KEY = Problem(
    "definition.not_a_key", "{where}: a list or a set of keys cannot be a key.", "Write a name before the colon."
)
UNKNOWN_TAG = Problem(
    "definition.unknown_tag", "{where}: tags (!) are not read here.", "Remove the tag, or put the text between quotes."
)
BAD_MERGE = Problem(
    "definition.bad_merge", "{where}: “<<” takes only a set of keys.", "Name an anchor that holds a set of keys."
)
TOO_BIG = Problem(
    "definition.too_big",
    "{where}: the file is too big or nested too deep.",
    "Split it, or remove aliases that repeat one another.",
)

MOST_NODES = 100_000
"""Aliases counted each time they are used, so that a small file cannot become endless."""

_TAG = "tag:yaml.org,2002:"
_WRITTEN = (
    ("null", r"(?:~|null|Null|NULL|)", ["~", "n", "N", ""]),
    ("bool", r"(?:true|True|TRUE|false|False|FALSE)", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+(?:[eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)", list("-+0123456789")),
)


class Positions:
    """Where each key of a file stands."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._marks: dict[Path, tuple[int, int]] = {}

    def note(self, path: Path, mark: yaml.Mark) -> None:
        self._marks[path] = (mark.line + 1, mark.column + 1)

    def of(self, path: Path) -> tuple[int, int]:
        """Line and column, counted from 1, of `path` or of the nearest thing around it that the file holds."""
        while path and path not in self._marks:
            path = path[:-1]
        return self._marks.get(path, (1, 1))

    def located(self, error: DefinitionError) -> DefinitionError:
        """The same error, saying the file and the line before the place. A file and a line it speaks of itself stay."""
        said = error.parameters["where"]
        if said.startswith(f"{self.file}:"):
            return error
        line, column = self.of(error.path)
        where = f"{self.file}:{line}" + ("" if said == describe_path(()) else f": {said}")
        added = {"file": self.file, "line": line, "column": column}
        return DefinitionError(error.problem, error.path, **{**added, **error.parameters, "where": where})

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Errors of the definition raised inside come out with file and line."""
        try:
            yield
        except DefinitionError as error:
            raise self.located(error) from error.__cause__


def read_yaml(text: str, positions: Positions) -> Any:
    """The one document in `text`; an empty one reads as no keys. Raises `DefinitionError` with file and line."""
    with positions.explaining():
        try:
            root = _Loader(text).get_single_node()
            return {} if root is None else _Walk(positions).value(root, ())
        except yaml.reader.ReaderError as error:
            raise _bad_yaml(positions, text.count("\n", 0, error.position), 0) from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise _bad_yaml(positions, mark.line if mark else 0, mark.column if mark else 0) from None
        except RecursionError as error:
            raise DefinitionError(TOO_BIG, ()) from error


class _Loader(yaml.SafeLoader):
    """Its own, nearly empty, table of what plain text may mean."""

    yaml_implicit_resolvers: dict[str, list[Any]] = {}  # noqa: RUF012 — PyYAML's own shape


YAML_1_2 = tuple((_TAG + name, re.compile(f"^{pattern}$"), first) for name, pattern, first in _WRITTEN)
"""Tag, what plain text must look like to be read as that, and how such a text may begin."""

for _resolver in YAML_1_2:
    _Loader.add_implicit_resolver(*_resolver)


class _Walk:
    def __init__(self, positions: Positions) -> None:
        self.positions = positions
        self.visited = 0

    def value(self, node: yaml.Node, path: Path) -> Any:
        self.visited += 1
        if self.visited > MOST_NODES:
            raise DefinitionError(TOO_BIG, path)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_TAG}map":
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_TAG}seq":
            return [self.item(item, (*path, position)) for position, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node, path)
        raise DefinitionError(UNKNOWN_TAG, path)

    def item(self, node: yaml.Node, path: Path) -> Any:
        self.positions.note(path, node.start_mark)
        return self.value(node, path)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        own: dict[str, tuple[yaml.Node, yaml.Node]] = {}
        for key_node, value_node in node.value:
            key = self.key(key_node, path)
            if key in own:
                self.positions.note((*path, key), key_node.start_mark)
                first = own[key][0].start_mark.line + 1
                raise DefinitionError(REPEATED_KEY, (*path, key), where=describe_path(path), key=key, first=first)
            own[key] = key_node, value_node
        merged = self.merged(own.pop("<<")[1], path) if "<<" in own else {}
        for key, (key_node, value_node) in own.items():
            self.positions.note((*path, key), key_node.start_mark)
            merged[key] = self.value(value_node, (*path, key))
        return merged

    def merged(self, node: yaml.Node, path: Path) -> dict[str, Any]:
        """What `<<` brings: one mapping or several, the first having the last word."""
        several = node.value if isinstance(node, yaml.SequenceNode) else [node]
        merged: dict[str, Any] = {}
        for one in reversed(several):
            found = self.value(one, path)
            if not isinstance(found, dict):
                raise DefinitionError(BAD_MERGE, path)
            merged.update(found)
        return merged

    def key(self, node: yaml.Node, path: Path) -> str:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        self.positions.note((*path, "?"), node.start_mark)
        raise DefinitionError(NOT_A_KEY, (*path, "?"), where=describe_path(path))


def _scalar(node: yaml.ScalarNode, path: Path) -> Any:
    kind = node.tag.removeprefix(_TAG)
    text = str(node.value)
    if kind == "str":
        return text
    # A tag written out (!!int) says what the text must be; anything that is not exactly so is refused as any other tag.
    pattern = next((pattern for name, pattern, _ in _WRITTEN if name == kind), None)
    if pattern is None or not re.fullmatch(pattern, text):
        raise DefinitionError(UNKNOWN_TAG, path)
    if kind == "int" and len(text) < 1000:
        return int(text)
    if kind == "bool":
        return text.lower() == "true"
    return None if kind == "null" else float(text)


def _bad_yaml(positions: Positions, line: int, column: int) -> DefinitionError:
    # PyYAML's own words may quote the text (an alias, a tag), which may be a password: the place alone is told.
    where = f"{positions.file}:{line + 1}"
    return DefinitionError(BAD_YAML, (), where=where, file=positions.file, line=line + 1, column=column + 1)
