"""JSON Schema (2020-12) from options declared as data: for editors of project files, for the API, and for whoever checks first.

Promise: what `options.read` takes, the schema takes, but for rules between several keys and those of plug-ins, which `read`
alone knows; a key or a kind of value the schema refuses, `read` refuses too. A key that is known but not built is not offered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from paquebot import criteria
from paquebot.export_keys import NAME_PATTERN, check_name
from paquebot.options import Entry, Option, Planned, Section
from paquebot.project_keys import VERSION, project_entries

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CRITERION = {"$ref": "#/$defs/criterion"}
_TYPES = {"text": "string", "integer": "integer", "boolean": "boolean", "list": "array", "mapping": "object"}
_REFERENCE = {"type": "string", "pattern": "^(env|file):"}
_SECRET = {"type": "string", "pattern": "^(env|file|stored):"}

Schema = dict[str, Any]


def project_schema(options: Mapping[str, Sequence[Entry]]) -> Schema:
    """The schema of a project file; `options` are those of each kind of server."""
    schema = schema_of(project_entries(tuple(options)))
    kinds = {kind: _server(entries) for kind, entries in options.items()}
    servers = schema["properties"]["servers"]["items"]
    for kind in kinds:
        servers["properties"][kind] = {"description": servers["properties"][kind]["description"], "$ref": f"#/$defs/{kind}"}
    servers["oneOf"] = [{"required": [kind]} for kind in kinds]
    schema["properties"]["version"]["const"] = VERSION
    head = {"$schema": DIALECT, "title": "A Paquebot project", "description": "What paquebot apply, plan and dump speak."}
    return {**head, **schema, "$defs": {"criterion": criterion_schema(), **kinds}}


def schema_of(entries: Sequence[Entry]) -> Schema:
    """The schema of a mapping with these entries; criteria are `CRITERION`, to be defined where it is used."""
    known = [entry for entry in entries if not isinstance(entry, Planned)]
    schema: Schema = {
        "type": "object",
        "properties": {entry.name: _entry(entry) for entry in known},
        "additionalProperties": False,
    }
    required = [entry.name for entry in known if entry.required]
    return {**schema, "required": required} if required else schema


def criterion_schema() -> Schema:
    """One criterion: a condition, several of them, the opposite of one, or one about a profile table."""
    several = {"type": "array", "minItems": 1, "items": CRITERION}
    value = {"type": ["string", "number", "array"]}
    condition = {"field": {"type": "string", "minLength": 1}, "op": {"enum": list(criteria.ALL_OPERATORS)}, "value": value}
    linked = {"linked": {"type": "string"}, "where": CRITERION}
    return {
        "description": "What a contact must meet.",
        "oneOf": [
            _closed(condition, ("field", "op")),
            _closed({"all": several}, ("all",)),
            _closed({"any": several}, ("any",)),
            _closed({"not": CRITERION}, ("not",)),
            _closed(linked, ("linked",)),
        ],
    }


def _closed(properties: Mapping[str, Any], required: Sequence[str]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(required), "additionalProperties": False}


def _entry(entry: Option | Section) -> Schema:
    schema = _option(entry) if isinstance(entry, Option) else _section(entry)
    told = {"description": entry.explanation}
    return {**told, **(schema if entry.required else _or_nothing(schema))}


def _or_nothing(schema: Schema) -> Schema:
    """A key that is written without a value counts as left out."""
    if "enum" in schema:
        return {**schema, "enum": [*schema["enum"], None]}
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    outside = {name: schema.pop(name) for name in ("default",) if name in schema}
    return {"anyOf": [schema, {"type": "null"}], **outside}


def _section(section: Section) -> Schema:
    inside = schema_of(section.entries)
    if section.many:
        return {"type": "array", "items": inside}
    if section.keyed:
        return {"type": "object", "additionalProperties": {**inside, "type": ["object", "null"]}}
    return inside


def _option(option: Option) -> Schema:
    if option.check is criteria.check:
        return dict(CRITERION)
    schema = _list(option) if option.kind == "list" else _value(option, option.kind)
    default = list(option.default) if isinstance(option.default, tuple) else option.default
    return schema if default is None else {**schema, "default": default}


def _list(option: Option) -> Schema:
    one = _value(option, option.items)
    schema: Schema = {"type": "array", "items": one, "uniqueItems": True}
    if option.least != 0:
        schema["minItems"] = 1
    return {"anyOf": [one, schema]} if option.alone else schema


def _value(option: Option, kind: str) -> Schema:
    if option.choices:
        numbers = [int(choice) for choice in option.choices if choice.isdecimal()] if option.kind == "list" else []
        return {"enum": [*option.choices, *numbers]}
    if kind == "mapping" and option.alone:
        return {"anyOf": [{"type": "string", "minLength": 1}, {"type": "object"}]}
    schema: Schema = {"type": _TYPES[kind]}
    if kind == "integer" and option.kind == "integer":
        bounds = {"minimum": option.least, "maximum": option.most}
        schema |= {name: bound for name, bound in bounds.items() if bound is not None}
    if kind == "text" and option.required:
        schema["minLength"] = 1
    if option.check is check_name:
        schema["pattern"] = f"^{NAME_PATTERN}$"
    return schema


def _server(entries: Sequence[Entry]) -> Schema:
    """The options of one kind of server: any value may come by reference, a secret only so."""
    schema = schema_of(entries)
    for entry in entries:
        if isinstance(entry, Option):
            told = {"description": entry.explanation}
            own = schema["properties"][entry.name]
            referred = _SECRET if entry.secret else {"anyOf": [own, _REFERENCE]}
            schema["properties"][entry.name] = {**told, **referred}
    return schema
