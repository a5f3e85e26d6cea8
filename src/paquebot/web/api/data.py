"""Tables with their rows and imports, queries and groups."""

from __future__ import annotations

import tempfile
from pathlib import Path as FilePath
from typing import Annotated, Any

from django.core.exceptions import RequestDataTooBig
from ninja import Query as QueryParameter
from ninja import Router

from paquebot import criteria, query_build
from paquebot.options import Entry, Option, read
from paquebot.project_keys import GROUP, QUERY, check_group, check_query
from paquebot.project_parts import GroupDefinition
from paquebot.records import groups, importing, queries, tables
from paquebot.records.contacts import rows_of_table
from paquebot.records.models import Group, Import, Query, Table
from paquebot.records.selectors import find_named
from paquebot.records.writing import version_of
from paquebot.web.api import shapes
from paquebot.web.api.access import EDITS, READS, ApiRequest
from paquebot.web.api.bodies import TOO_BIG, body_of, written
from paquebot.web.api.bodies import described as body
from paquebot.web.api.problems import RefusedError
from paquebot.web.api.repeating import PARAMETER, once
from paquebot.web.api.shapes import PROBLEMS, Limit, Name
from paquebot.web.installation import records

router = Router(tags=["data"])
CSV = {
    "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}, "example": "id,city\n1,Laval\n"}}}
}
SQL: tuple[Entry, ...] = (Option("sql", "One SELECT.", required=True),)
WHERE: tuple[Entry, ...] = tuple(entry for entry in GROUP if entry.name != "name")
Offset = Annotated[int, QueryParameter(ge=0, le=10**9, description="“next” of the page before.")]
Before = Annotated[int | None, QueryParameter(ge=1, le=2**63 - 1, description="“next” of the page before.")]
KeyOf = Annotated[list[str] | None, QueryParameter(max_length=20, description="The key's columns; needed for a new table.")]


@router.get("/tables", auth=READS, response={200: shapes.TableList, **PROBLEMS}, summary="List tables")
def list_tables(request: ApiRequest) -> dict[str, Any]:
    """The contact list first."""
    return {"items": [_table(facts) for facts in tables.tables_of(request.project)]}


@router.get("/tables/{name}", auth=READS, response={200: shapes.TableDocument, **PROBLEMS}, summary="Read a table")
def read_table(request: ApiRequest, name: Name) -> dict[str, Any]:
    """Its columns in display order, and how many rows it has."""
    return _table(tables.table_facts(find_named(Table, request.project, name)))


@router.get("/tables/{name}/rows", auth=EDITS, response={200: shapes.RowPage, **PROBLEMS}, summary="The rows of a table")
def list_rows(request: ApiRequest, name: Name, limit: Limit = 50, offset: Offset = 0) -> dict[str, Any]:
    """In the order of their key."""
    found = rows_of_table(records(), find_named(Table, request.project, name), limit + 1, offset)
    return {"items": found[:limit], "next": offset + limit if len(found) > limit else None}


@router.post(
    "/tables/{name}/imports",
    auth=EDITS,
    response={201: shapes.ImportDocument, **PROBLEMS},
    summary="Import rows",
    openapi_extra={**CSV, "parameters": [PARAMETER]},
)
@once
def import_rows(
    request: ApiRequest, name: Name, key: KeyOf = None, replace: bool = False, contacts: bool = False
) -> tuple[int, Any]:
    """The body is a CSV file whose first line names the columns: merged by key, or with “replace” in place of all rows. Bigger
    ones are imported from the pages or by the command."""
    try:
        content = request.body
    except RequestDataTooBig as error:
        raise RefusedError(413, TOO_BIG) from error
    target = importing.Target(request.project, name, tuple(key or ()), contacts)
    with tempfile.TemporaryDirectory(prefix="import-", dir=records().home.scratch) as folder:
        file = FilePath(folder) / "rows.csv"
        file.write_bytes(content)
        importing.import_file(records(), target, file, "replace" if replace else "merge", file_name="API")
    return 201, _import(Import.objects.filter(table__project=request.project, table__name=name).latest("id"))


@router.get("/imports", auth=READS, response={200: shapes.ImportPage, **PROBLEMS}, summary="List imports")
def list_imports(request: ApiRequest, limit: Limit = 50, after: Before = None) -> dict[str, Any]:
    """Newest first."""
    found = tables.imports_of(request.project)
    page = list((found.filter(id__lt=after) if after else found)[: limit + 1])
    return {"items": [_import(one) for one in page[:limit]], "next": page[limit - 1].id if len(page) > limit else None}


@router.get("/queries", auth=READS, response={200: shapes.QueryList, **PROBLEMS}, summary="List queries")
def list_queries(request: ApiRequest) -> dict[str, Any]:
    """By name."""
    return {"items": [_query(one) for one in Query.objects.filter(project=request.project)]}


@router.post(
    "/queries",
    auth=EDITS,
    response={201: shapes.QueryDocument, **PROBLEMS},
    summary="Make a query",
    openapi_extra={
        **body(QUERY, {"name": "laval", "sql": "select id from people where city = 'Laval'"}),
        "parameters": [PARAMETER],
    },
)
@once
def make_query(request: ApiRequest) -> tuple[int, Any]:
    """It is bound to the project's tables before it is saved."""
    asked = body_of(request, QUERY)
    check_query(asked, ())
    said = asked["sql"] if asked["build"] is None else query_build.from_values(asked["build"], ("build",))
    return 201, _query(queries.add_query(records(), request.project, asked["name"], said))


@router.get("/queries/{name}", auth=READS, response={200: shapes.QueryDocument, **PROBLEMS}, summary="Read a query")
def read_query(request: ApiRequest, name: Name) -> dict[str, Any]:
    """Its SQL."""
    return _query(find_named(Query, request.project, name))


@router.put(
    "/queries/{name}",
    auth=EDITS,
    response={200: shapes.QueryDocument, **PROBLEMS},
    summary="Change a query",
    openapi_extra=body(SQL, {"sql": "select id from people"}),
)
def put_query(request: ApiRequest, name: Name) -> dict[str, Any]:
    """Exports that use it read what it says from now on."""
    row = find_named(Query, request.project, name)
    return _query(queries.change_query(records(), row, body_of(request, SQL)["sql"], version_of(row)))


@router.delete("/queries/{name}", auth=EDITS, response={204: None, **PROBLEMS}, summary="Delete a query")
def delete_query(request: ApiRequest, name: Name) -> tuple[int, None]:
    """RefusedError while an export uses it."""
    queries.remove_query(request.project, name, version_of(find_named(Query, request.project, name)))
    return 204, None


@router.get("/groups", auth=READS, response={200: shapes.GroupList, **PROBLEMS}, summary="List groups")
def list_groups(request: ApiRequest) -> dict[str, Any]:
    """By name."""
    return {"items": [_group(one) for one in Group.objects.filter(project=request.project)]}


@router.post(
    "/groups",
    auth=EDITS,
    response={201: shapes.GroupDocument, **PROBLEMS},
    summary="Make a group",
    openapi_extra={**body(GROUP, {"name": "pilots", "members": ["1", "9"]}), "parameters": [PARAMETER]},
)
@once
def make_group(request: ApiRequest) -> tuple[int, Any]:
    """Of members by key, or of the contacts that meet “where”."""
    asked = written(request)
    values = read(GROUP, asked)
    return 201, _group(groups.add_group(records(), request.project, group_of(values["name"], values)))


@router.get("/groups/{name}", auth=READS, response={200: shapes.GroupDocument, **PROBLEMS}, summary="Read a group")
def read_group(request: ApiRequest, name: Name) -> dict[str, Any]:
    """Its criterion, or how many members it has."""
    return _group(find_named(Group, request.project, name))


@router.put(
    "/groups/{name}",
    auth=EDITS,
    response={200: shapes.GroupDocument, **PROBLEMS},
    summary="Change a group",
    openapi_extra=body(WHERE, {"where": {"field": "city", "op": "=", "value": "Laval"}}),
)
def put_group(request: ApiRequest, name: Name) -> dict[str, Any]:
    """Exports that use it mean these contacts from now on."""
    row = find_named(Group, request.project, name)
    definition = group_of(name, body_of(request, WHERE))
    groups.change_group(records(), request.project, definition, version_of(row))
    return _group(find_named(Group, request.project, name))


@router.delete("/groups/{name}", auth=EDITS, response={204: None, **PROBLEMS}, summary="Delete a group")
def delete_group(request: ApiRequest, name: Name) -> tuple[int, None]:
    """RefusedError while an export uses it."""
    groups.remove_group(records(), request.project, name, version_of(find_named(Group, request.project, name)))
    return 204, None


def group_of(name: str, values: dict[str, Any]) -> GroupDefinition:
    """The group from what `read(GROUP, …)` returned. Raises `DefinitionError` when it says both or nothing."""
    check_group(values, ())
    if values["members"] is not None:
        return GroupDefinition(name, members=tuple(member.strip() for member in values["members"]))
    return GroupDefinition(name, criteria.from_document(values["where"], ("where",)))


def _table(facts: tables.TableFacts) -> dict[str, Any]:
    columns = [{"name": field.name, "kind": field.kind} for field in facts.fields]
    table = facts.table
    return {
        "name": table.name,
        "is_contact_list": table.is_contact_list,
        "key": table.key,
        "columns": columns,
        "rows": facts.rows,
    }


def _import(row: Import) -> dict[str, Any]:
    return {
        "id": row.id,
        "table": row.table.name,
        "file_name": row.file_name,
        "mode": row.mode,
        "snapshot": row.snapshot,
        "counts": row.counts,
        "created_at": row.created_at.isoformat(),
    }


def _query(row: Query) -> dict[str, Any]:
    return {"name": row.name, "sql": row.sql}


def _group(row: Group) -> dict[str, Any]:
    return {"name": row.name, "where": row.where, "member_count": row.member_count if row.where is None else None}
