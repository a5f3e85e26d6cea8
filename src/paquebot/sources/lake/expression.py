"""Calculated columns, looked at before they go anywhere: one value from the fields of one row, or a refusal that says why.

An expression is checked as a saved query is, node by node of its parse tree, and may hold less: no query inside, no aggregate,
no window, no star, nothing that makes several rows of one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paquebot.calculated import LONGEST_EXPRESSION, CalculatedColumn, arranged
from paquebot.errors import Problem, SourceError
from paquebot.options import nearest
from paquebot.sources.lake import statement
from paquebot.sources.lake.duck import identifier, literal
from paquebot.sources.lake.functions import SCALAR
from paquebot.sources.lake.statement import CheckedStatement, Tree, check, written

PARAMETERS = ("run_date",)
"""What an expression may be given: the run's date in the export's time zone."""

NOT_ONE_VALUE = Problem(
    "calculated.not_one_value",
    "The column “{column}” must be exactly one expression.",
    "Write what is computed alone, such as lower(city), without SELECT, FROM, AS or a comma between several.",
)
SYNTAX = Problem(
    "calculated.syntax",
    "The expression of the column “{column}” is not valid at character {character}, near “{near}”.",
    "Correct that place. Expressions are written in DuckDB's SQL.",
)
TOO_LONG = Problem(
    "calculated.too_long",
    "The expression of the column “{column}” is too long or nested too deeply.",
    "Keep it under {characters} characters, or write a saved query.",
)
REFUSED = Problem(
    "calculated.refused",
    "The expression of the column “{column}” uses “{construct}”, which an expression may not use.",
    "Compute on the fields of the row alone; what takes several rows or tables belongs into a saved query.",
)
VOLATILE = Problem(
    "calculated.volatile",
    "The expression of the column “{column}” uses “{construct}”, whose answer changes each time it is asked.",
    "Use $run_date for the date of the run, so that the same run can be made again exactly.",
)
UNKNOWN_FIELD = Problem(
    "calculated.unknown_field",
    "The expression of the column “{column}” uses “{field}”, which is no field of the rows.",
    "Did you mean “{nearest}”? The fields are: {known}. Text stands between single quotes.",
)
UNKNOWN_PARAMETER = Problem(
    "calculated.unknown_parameter",
    "The expression of the column “{column}” uses the parameter “${parameter}”, which does not exist.",
    "Parameters an expression may use: $run_date.",
)
NAME_TAKEN = Problem(
    "calculated.name_taken",
    "The added column “{column}” is called like a field of the source.",
    "Give it a name of its own; a field gets another header by the labels of the file.",
)

_CLASSES = statement.EXPRESSIONS - {"LAMBDA", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "WINDOW"}
_SELECT = "select\n"
_PREFIX = "SELECT "


@dataclass(frozen=True, slots=True)
class CheckedColumn:
    """A column that may go to the sandbox: its name, its place, its expression as a parse tree and the parameters it uses."""

    name: str
    before: str | None
    tree: str
    parameters: tuple[str, ...]
    fields: tuple[str, ...]
    """The fields of the row it is computed from, as it spells them."""

    @property
    def sql(self) -> str:
        return column_sql({"name": self.name, "tree": self.tree})

    def to_job(self) -> dict[str, Any]:
        """As the sandbox takes it."""
        return {"name": self.name, "before": self.before, "tree": self.tree}


def check_column(column: CalculatedColumn, fields: Collection[str] | None) -> CheckedColumn:
    """The column, once nothing in it is refused; with `fields` None, whether they exist is known when it is bound.

    Raises `SourceError`.
    """
    if fields is not None and statement.known_table(column.name, fields):
        raise SourceError(NAME_TAKEN, column=column.name)
    written_sql = literal(column.constant) if column.constant is not None else column.expression or ""
    if len(written_sql) > LONGEST_EXPRESSION:
        raise SourceError(TOO_LONG, column=column.name, characters=LONGEST_EXPRESSION)
    checked = _checked(column.name, written_sql)
    node = json.loads(checked.tree)["node"]
    _refuse_more_than_one_value(column.name, node)
    scalar = _Scalar(column.name, fields)
    scalar.visit(node["select_list"][0])
    return CheckedColumn(column.name, column.before, checked.tree, checked.parameters, tuple(scalar.used))


def column_sql(job: Mapping[str, Any]) -> str:
    """`(expression) as "name"`, from the parse tree alone."""
    return f"({written(job['tree']).removeprefix(_PREFIX)}) as {identifier(job['name'])}"


def extended(sql: str, names: Sequence[str], calculated: Sequence[Mapping[str, Any]]) -> str:
    """The statement `sql`, which gives the columns `names`, with the columns of `calculated` (`CheckedColumn.to_job`) added.

    Both come from parse trees: nothing of it was written by a person as it stands.
    """
    places = [CalculatedColumn(job["name"], before=job["before"]) for job in calculated]
    jobs = {job["name"]: job for job in calculated}
    listed = [
        identifier(column) if isinstance(column, str) else column_sql(jobs[column.name]) for column in arranged(names, places)
    ]
    return f"select {', '.join(listed)} from ({sql}) as given"  # noqa: S608


def _checked(name: str, sql: str) -> CheckedStatement:
    """Says of a column what the check of queries says of a query."""
    try:
        return check(f"{_SELECT}{sql}\n", {}, PARAMETERS)
    except SourceError as error:
        told = error.parameters
        construct = told.get("function") or told.get("construct") or ""
        match error.problem:
            case statement.SYNTAX:
                raise SourceError(SYNTAX, column=name, character=told["column"], near=told["near"]) from error
            case statement.TOO_LONG:
                raise SourceError(TOO_LONG, column=name, characters=LONGEST_EXPRESSION) from error
            case statement.VOLATILE_FUNCTION:
                raise SourceError(VOLATILE, column=name, construct=construct) from error
            case statement.UNKNOWN_PARAMETER:
                raise SourceError(UNKNOWN_PARAMETER, column=name, parameter=told["parameter"]) from error
            case statement.FUNCTION_REFUSED | statement.CONSTRUCT_REFUSED:
                raise SourceError(REFUSED, column=name, construct=construct) from error
            case statement.UNKNOWN_TABLE:
                raise SourceError(REFUSED, column=name, construct=told["table"]) from error
        raise SourceError(NOT_ONE_VALUE, column=name) from error


def _refuse_more_than_one_value(name: str, node: Tree) -> None:
    """`select …` with nothing after it: whatever closes a parenthesis or goes on with FROM shows in the parse tree."""
    plain = node["type"] == "SELECT_NODE" and node["from_table"]["type"] == "EMPTY" and not node["modifiers"]
    empty = not any(node.get(key) for key in ("where_clause", "group_expressions", "group_sets", "having", "qualify", "sample"))
    only = plain and empty and not node["cte_map"]["map"] and len(node["select_list"]) == 1
    if not only or node["select_list"][0]["alias"]:
        raise SourceError(NOT_ONE_VALUE, column=name)


class _Scalar:
    """Visits every node of an expression, which the check of queries let pass, and refuses what is not of one row."""

    def __init__(self, name: str, fields: Collection[str] | None) -> None:
        self._name, self._fields = name, fields
        self.used: list[str] = []

    def visit(self, node: Any) -> None:
        if isinstance(node, list):
            for item in node:
                self.visit(item)
        elif isinstance(node, dict) and node.get("class") != "CONSTANT":
            self._inspect(node)
            for child in node.values():
                self.visit(child)

    def _inspect(self, node: Tree) -> None:
        category = node.get("class")
        if category is not None and category not in _CLASSES:
            raise SourceError(REFUSED, column=self._name, construct=str(category).replace("_", " ").lower())
        if category == "FUNCTION" and str(node["function_name"]).casefold() not in SCALAR:
            raise SourceError(REFUSED, column=self._name, construct=node["function_name"])
        if category == "COLUMN_REF":
            self._inspect_field(node["column_names"])

    def _inspect_field(self, names: list[str]) -> None:
        if len(names) != 1:
            raise SourceError(REFUSED, column=self._name, construct=".".join(names))
        self.used.append(names[0])
        if self._fields is not None and statement.known_table(names[0], self._fields) is None:
            known = sorted(self._fields)
            close = nearest(names[0], known)
            raise SourceError(UNKNOWN_FIELD, column=self._name, field=names[0], nearest=close, known=known)
