"""Rooms stay small, and every thing has a name that says what it is."""

import ast
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "src" / "paquebot"
FILES = [file for file in sorted(SOURCES.rglob("*.py")) if "migrations" not in file.parts]
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc", "core"}


def long_functions(source: str, most: int = 60) -> list[str]:
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {f"{node.name}, line {node.lineno}": (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    return [f"{name}: {length} lines" for name, length in lengths.items() if length > most]


@pytest.mark.parametrize("lines, found", [(60, []), (61, ["f, line 1: 61 lines"])])
def test_a_function_of_more_than_sixty_lines_is_noticed(lines, found):
    assert long_functions("def f():\n" + "    pass\n" * (lines - 1)) == found


def test_no_function_is_longer_than_sixty_lines():
    found = {file.relative_to(SOURCES).as_posix(): long_functions(file.read_text("utf-8")) for file in FILES}
    assert {name: functions for name, functions in found.items() if functions} == {}


def test_no_module_is_longer_than_four_hundred_lines():
    lengths = {file.relative_to(SOURCES).as_posix(): len(file.read_text("utf-8").splitlines()) for file in FILES}
    assert {name: length for name, length in lengths.items() if length > 400} == {}


def test_there_is_no_drawer():
    names = [path.relative_to(SOURCES) for path in SOURCES.rglob("*") if path.suffix == ".py" or path.is_dir()]
    assert [name.as_posix() for name in names if name.stem in DRAWERS] == []


def test_every_module_says_what_it_is_for():
    silent = [
        file.relative_to(SOURCES).as_posix() for file in FILES if not ast.get_docstring(ast.parse(file.read_text("utf-8")))
    ]
    assert silent == []
