"""Saved SQL, looked at before it goes anywhere: one SELECT over the project's own tables, or a refusal that says why.

The statement is parsed by DuckDB itself, in a connection that can reach nothing, and every node of the parse tree must be of a
kind that is known here: what a later DuckDB adds is refused until somebody has thought about it. The sandbox
(`sources/lake/sandbox.py`) does not rely on this check, nor this check on the sandbox.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import duckdb

from paquebot.errors import Problem, SourceError
from paquebot.options import nearest
from paquebot.sources.lake.functions import ABOUT_THE_SESSION, ALLOWED, ALLOWED_TABLE_FUNCTIONS, VOLATILE

PARAMETERS = ("since", "run_date")
"""What a query may be given: the change cursor, and the run's date in the export's time zone."""

LONGEST_STATEMENT = 50_000
"""In characters. Longer ones are refused before they reach the parser, whose recursion follows their length."""

DEEPEST_NESTING = 150
"""Nodes of the parse tree inside one another."""

NOT_ONE_SELECT = Problem(
    "query.not_one_select",
    "The query must be exactly one SELECT statement.",
    "Keep one statement that begins with SELECT or WITH; a query reads and never changes anything.",
)
SYNTAX = Problem(
    "query.syntax",
    "The query is not valid SQL at line {line}, character {column}, near “{near}”.",
    "Correct that place. Queries on the embedded database are written in DuckDB's SQL.",
)
TOO_LONG = Problem(
    "query.too_long",
    "The query is too long or nested too deeply.",
    "Keep it under {characters} characters and split what is nested into WITH parts.",
)
UNKNOWN_TABLE = Problem(
    "query.unknown_table",
    "The query reads “{table}”, which is no table of this project.",
    "Did you mean “{nearest}”? Tables of this project: {known}. Write their names alone, without a schema before them.",
)
FUNCTION_REFUSED = Problem(
    "query.function_refused",
    "The query calls “{function}”, which queries may not use.",
    "Use functions that compute on values only: files, settings, variables and system tables are out of reach.",
)
VOLATILE_FUNCTION = Problem(
    "query.volatile_function",
    "The query calls “{function}”, whose answer changes each time it is asked.",
    "Use $run_date for the date of the run, so that the same run can be made again exactly.",
)
UNKNOWN_PARAMETER = Problem(
    "query.unknown_parameter",
    "The query uses the parameter “${parameter}”, which does not exist.",
    "Parameters a query may use: {known}.",
)
CONSTRUCT_REFUSED = Problem(
    "query.construct_refused",
    "The query uses “{construct}”, which queries may not use.",
    "Use SELECT, joins, WITH without RECURSIVE, UNION, windows and aggregates over the tables of the project.",
)

Tree = dict[str, Any]
"""A node of DuckDB's parse tree, as `json_serialize_sql` writes it."""

_CLASSES = """BETWEEN CASE CAST COLLATE COLUMN_REF COMPARISON CONJUNCTION CONSTANT FUNCTION LAMBDA OPERATOR PARAMETER
    POSITIONAL_REFERENCE STAR SUBQUERY WINDOW"""
EXPRESSIONS = frozenset(_CLASSES.split())
"""The classes of nodes that compute a value."""
_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE"})
_TABLES = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "EXPRESSION_LIST", "EMPTY", "TABLE_FUNCTION"})
_MODIFIERS = frozenset({"ORDER_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "DISTINCT_MODIFIER"})
_ORDERS = frozenset({"ORDER_DEFAULT", "ASCENDING", "DESCENDING"})
_TYPES = frozenset(
    f"{kind}_TYPE_INFO"
    for kind in ("GENERIC", "DECIMAL", "STRING", "LIST", "STRUCT", "ARRAY", "ENUM", "UNBOUND", "INTEGER_LITERAL")
)
_KNOWN_KINDS = _QUERIES | _TABLES | _MODIFIERS | _ORDERS | _TYPES
_SIGNS_OF_ANOTHER_STATEMENT = ("A CTE needs a SELECT", "SELECT INTO")
_SPOKEN = {
    "RECURSIVE_CTE_NODE": "WITH RECURSIVE",
    "SHOW_REF": "DESCRIBE, SHOW or SUMMARIZE",
    "PIVOT": "PIVOT or UNPIVOT",
    "DEFAULT": "DEFAULT",
}


@dataclass(frozen=True, slots=True)
class CheckedStatement:
    """One SELECT that may go to the sandbox: its parse tree, the project tables and the parameters it uses."""

    tree: str
    tables: tuple[str, ...]
    parameters: tuple[str, ...]


def check(sql: str, tables: Mapping[str, Collection[str]], parameters: Collection[str] = PARAMETERS) -> CheckedStatement:
    """What `sql` reads, once nothing in it is refused. `tables` gives the project's tables and their fields.

    Whether fields exist and types agree is only known when the statement is bound, in the sandbox. Raises `SourceError`.
    """
    if len(sql) > LONGEST_STATEMENT:
        _too_long()
    if "\0" in sql:  # where the parser stops reading
        raise SourceError(SYNTAX, **_place(sql, sql.index("\0")))
    statement = _one_select(_parsed(sql), sql)
    walk = _Walk(tables, parameters)
    try:
        walk.visit(statement, frozenset(), 0)
    except RecursionError:
        _too_long()
    walk.refuse_session_names()
    return CheckedStatement(json.dumps(statement), tuple(sorted(walk.used_tables)), tuple(sorted(walk.used_parameters)))


def ordered(tree: str, columns: int) -> str:
    """The statement of `tree` as SQL whose rows come in one order only: its own ORDER BY, then every one of its `columns`.

    Rows that are still equal are equal in everything that leaves.
    """
    statement = json.loads(tree)
    modifiers = statement["node"]["modifiers"]
    own = next((modifier for modifier in modifiers if modifier["type"] == "ORDER_MODIFIER"), None)
    if own is None:
        own = {"type": "ORDER_MODIFIER", "orders": []}
        limits = [place for place, modifier in enumerate(modifiers) if modifier["type"].startswith("LIMIT")]
        modifiers.insert(limits[0] if limits else len(modifiers), own)
    if not _by_all(own["orders"]):
        own["orders"] += [_by_position(position) for position in range(1, columns + 1)]
    return written(json.dumps(statement))


def written(tree: str) -> str:
    """The statement of `tree` as SQL. Only a SELECT has a tree."""
    with _parser() as parser:
        found = parser.execute(
            "select json_deserialize_sql(?::json)", ['{"error":false,"statements":[' + tree + "]}"]
        ).fetchone()
    return str(found[0]) if found else ""


def known_table(name: str, tables: Iterable[str]) -> str | None:
    """The project's own spelling of a table or field name; SQL names ignore case."""
    return next((table for table in tables if table.casefold() == name.casefold()), None)


class _Walk:
    """Visits every node once, collecting what the statement uses and refusing what it may not."""

    def __init__(self, tables: Mapping[str, Collection[str]], parameters: Collection[str]) -> None:
        self._tables, self._parameters = tables, parameters
        self._session_names: set[str] = set()
        self.used_tables: set[str] = set()
        self.used_parameters: set[str] = set()

    def visit(self, node: Any, scope: frozenset[str], depth: int) -> None:
        """`scope` holds the names of the WITH parts that can be seen from here."""
        if depth > DEEPEST_NESTING * 2:  # between two nodes lies a list
            _too_long()
        if isinstance(node, list):
            for item in node:
                self.visit(item, scope, depth + 1)
        elif isinstance(node, dict):
            self._visit_node(node, scope, depth)

    def _visit_node(self, node: Tree, scope: frozenset[str], depth: int) -> None:
        self._inspect(node, scope)
        if node.get("class") == "CONSTANT":
            return  # what people wrote between quotes is a value, whatever it looks like
        if "cte_map" in node:
            scope = self._visit_parts(node["cte_map"]["map"], scope, depth)
        for key, child in node.items():
            if key == "function" and node["type"] == "TABLE_FUNCTION":
                self._visit_table_function(child, scope, depth)
            elif key != "cte_map":
                self.visit(child, scope, depth + 1)

    def _visit_parts(self, parts: list[Tree], scope: frozenset[str], depth: int) -> frozenset[str]:
        for part in parts:
            self.visit(part["value"], scope, depth + 1)
            scope |= {part["key"].casefold()}
        return scope

    def _visit_table_function(self, function: Tree, scope: frozenset[str], depth: int) -> None:
        if function.get("class") != "FUNCTION":
            _refuse_construct(function)
        _refuse_function(function, ALLOWED_TABLE_FUNCTIONS)
        self.visit([child for key, child in function.items() if key != "function_name"], scope, depth + 1)

    def _inspect(self, node: Tree, scope: frozenset[str]) -> None:
        kind, category = node.get("type"), node.get("class")
        if category is not None and category not in EXPRESSIONS:
            _refuse_construct(node)
        if category is None and isinstance(kind, str) and kind not in _KNOWN_KINDS:
            _refuse_construct(node)
        if node.get("sample") is not None:
            raise SourceError(CONSTRUCT_REFUSED, construct="TABLESAMPLE or USING SAMPLE")
        if kind == "UNBOUND_TYPE_INFO" and (node.get("schema") or node.get("catalog")):
            raise SourceError(CONSTRUCT_REFUSED, construct=f"{node.get('schema')}.{node.get('name')}")
        if category in ("FUNCTION", "WINDOW"):
            _refuse_function(node, ALLOWED)
        elif category == "COLUMN_REF":
            self._inspect_field(node["column_names"])
        elif category == "PARAMETER":
            self._inspect_parameter(str(node.get("identifier")))
        elif category is None and kind == "BASE_TABLE":
            self._inspect_table(node, scope)

    def _inspect_table(self, node: Tree, scope: frozenset[str]) -> None:
        qualifiers = [node[key] for key in ("catalog_name", "schema_name") if node.get(key)]
        if node.get("at_clause") is not None:
            raise SourceError(CONSTRUCT_REFUSED, construct="AT (VERSION or TIMESTAMP)")
        if not qualifiers and node["table_name"].casefold() in scope:
            return
        found = None if qualifiers else known_table(node["table_name"], self._tables)
        if found is None:
            name, names = ".".join([*qualifiers, node["table_name"]]), sorted(self._tables)
            raise SourceError(UNKNOWN_TABLE, table=name, nearest=nearest(node["table_name"], names), known=names)
        self.used_tables.add(found)

    def _inspect_field(self, names: list[str]) -> None:
        name = names[0].casefold()
        if len(names) == 1 and name in VOLATILE:
            raise SourceError(VOLATILE_FUNCTION, function=name)
        if len(names) == 1 and name in ABOUT_THE_SESSION:
            self._session_names.add(name)

    def refuse_session_names(self) -> None:
        """Once every table is known: `user` is a field where a table has one, else it is a question about the session."""
        fields = {field.casefold() for table in self.used_tables for field in self._tables[table]}
        for name in sorted(self._session_names - fields):
            raise SourceError(FUNCTION_REFUSED, function=name)

    def _inspect_parameter(self, name: str) -> None:
        if name not in self._parameters:
            known = [f"${parameter}" for parameter in self._parameters]
            raise SourceError(UNKNOWN_PARAMETER, parameter=name, known=known)
        self.used_parameters.add(name)


def _refuse_function(node: Tree, allowed: frozenset[str]) -> None:
    name = str(node.get("function_name", "")).casefold()
    asks_the_clock = name == "age" and len(node.get("children", ())) == 1
    if name in VOLATILE or asks_the_clock:
        raise SourceError(VOLATILE_FUNCTION, function=name)
    # The parser itself writes "main" before the functions that stand for lists, structs and LIKE … ESCAPE.
    if name not in allowed or node.get("schema") not in ("", "main", None) or node.get("catalog"):
        raise SourceError(FUNCTION_REFUSED, function=name)


def _refuse_construct(node: Tree) -> NoReturn:
    kind = str(node.get("type"))
    raise SourceError(CONSTRUCT_REFUSED, construct=_SPOKEN.get(kind, kind.replace("_", " ").lower()))


def _too_long() -> NoReturn:
    raise SourceError(TOO_LONG, characters=LONGEST_STATEMENT)


def _parser() -> duckdb.DuckDBPyConnection:
    settings = {"enable_external_access": "false", "python_enable_replacements": "false", "threads": "1"}
    return duckdb.connect(config={**settings, "autoload_known_extensions": "false"})


def _parsed(sql: str) -> Tree:
    try:
        with _parser() as parser:
            found = parser.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()
        return dict(json.loads(found[0])) if found else {}
    except RecursionError:
        _too_long()
    except duckdb.Error as error:
        raise SourceError(SYNTAX, line=1, column=1, near="") from error


def _one_select(parsed: Tree, sql: str) -> Tree:
    if parsed.get("error"):
        _refuse_unparsed(parsed, sql)
    statements = parsed.get("statements", [])
    if len(statements) != 1:
        raise SourceError(NOT_ONE_SELECT)
    return dict(statements[0])


def _refuse_unparsed(parsed: Tree, sql: str) -> NoReturn:
    message = str(parsed.get("error_message", ""))
    if "positional parameters" in message:
        raise SourceError(UNKNOWN_PARAMETER, parameter="?", known=[f"${name}" for name in PARAMETERS])
    if "expression depth" in message:
        _too_long()
    if parsed.get("error_type") != "parser" or any(sign in message for sign in _SIGNS_OF_ANOTHER_STATEMENT):
        raise SourceError(NOT_ONE_SELECT)
    raise SourceError(SYNTAX, **_place(sql, len(sql.encode()[: int(parsed.get("position", 0))].decode(errors="ignore"))))


def _place(sql: str, position: int) -> dict[str, Any]:
    """Line, character and the word at `position`; a word only, because what stands between quotes may be personal."""
    before = sql[:position]
    near = re.match(r"\w{1,40}|[^\w'\"]?", sql[position:])
    line, column = before.count("\n") + 1, position - before.rfind("\n")
    return {"line": line, "column": column, "near": near.group() if near else ""}


def _by_all(orders: list[Tree]) -> bool:
    return len(orders) == 1 and orders[0]["expression"]["class"] == "STAR"


def _by_position(position: int) -> Tree:
    value = {"type": {"id": "INTEGER", "type_info": None}, "is_null": False, "value": position}
    constant = {"class": "CONSTANT", "type": "VALUE_CONSTANT", "alias": "", "query_location": 0, "value": value}
    return {"type": "ORDER_DEFAULT", "null_order": "ORDER_DEFAULT", "expression": constant}
