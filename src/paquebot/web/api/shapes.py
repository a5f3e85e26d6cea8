"""What calls answer, as OpenAPI tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from ninja import Field, Path, Query, Schema

from paquebot.export_keys import NAME_PATTERN
from paquebot.web.api.problems import ProblemDetails

PROBLEMS = dict.fromkeys((400, 401, 403, 404, 409, 412, 413, 422, 429, 503), ProblemDetails)
"""What every call may answer in place of what it is for."""

Name = Annotated[str, Path(pattern=f"^{NAME_PATTERN}$", description="Its stable name.")]
Number = Annotated[int, Path(ge=1, le=2**63 - 1, description="Its number.")]
Key = Annotated[str, Path(min_length=1, max_length=500, pattern=r"^[^\x00/]+$", description="The contact's key.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
After = Annotated[str, Query(max_length=80, pattern=r"^[^\x00]*$", description="“next” of the page before.")]


class RunStep(Schema):
    name: str
    attempt: int
    status: str
    started_at: datetime
    finished_at: datetime | None = None
    duration_seconds: float | None = None
    detail: dict[str, Any]


class Told(Schema):
    code: str
    message: str
    hint: str


class RunDocument(Schema):
    """A run, as `paquebot show --json` gives it."""

    id: int = Field(examples=[42])
    export: str = Field(examples=["unsubscribed"])
    status: str = Field(examples=["delivered"])
    trigger: str
    attempt: int
    timezone: str
    scheduled_for: datetime
    asked_at: datetime
    not_before: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    snapshot: int | None = None
    file_name: str
    remote_path: str
    size_bytes: int | None = None
    rows: int | None = None
    sha256: str
    verification: str
    progress: dict[str, Any]
    error: Told | None = None
    retry_of: int | None = None
    ignored_at: datetime | None = None
    acts: list[dict[str, Any]]
    steps: list[RunStep]


class RunPage(Schema):
    items: list[RunDocument]
    next: int | None = Field(None, description="“after” of the next page; nothing on the last.")


class StepList(Schema):
    items: list[RunStep]


class ExportDocument(Schema):
    """An export: its definition as project files write it, every default said."""

    name: str = Field(examples=["unsubscribed"])
    state: str = Field(examples=["active"])
    version: int
    updated_at: datetime
    definition: dict[str, Any]


class ExportPage(Schema):
    items: list[ExportDocument]
    next: str | None = None


class Contact(Schema):
    key: str
    fields: dict[str, Any]


class Unsubscribed(Schema):
    table: str
    rows: int
    set: dict[str, Any]


class Column(Schema):
    name: str
    kind: str


class TableDocument(Schema):
    name: str
    is_contact_list: bool
    key: list[str]
    columns: list[Column]
    rows: int


class TableList(Schema):
    items: list[TableDocument]


class RowPage(Schema):
    items: list[dict[str, Any]]
    next: int | None = Field(None, description="“offset” of the next page; nothing on the last.")


class ImportDocument(Schema):
    id: int
    table: str
    file_name: str
    mode: str
    snapshot: int
    counts: dict[str, int]
    created_at: datetime


class ImportPage(Schema):
    items: list[ImportDocument]
    next: int | None = None


class DestinationDocument(Schema):
    """A destination without its secrets: their names alone are told."""

    name: str
    kind: str
    options: dict[str, Any]
    secrets: list[str]


class DestinationList(Schema):
    items: list[DestinationDocument]


class Finding(Schema):
    name: str
    status: str
    seconds: float


class Examination(Schema):
    ok: bool
    error: Told | None = None
    steps: list[Finding]


class QueryDocument(Schema):
    name: str
    sql: str


class QueryList(Schema):
    items: list[QueryDocument]


class GroupDocument(Schema):
    name: str
    where: dict[str, Any] | None = None
    member_count: int | None = Field(None, description="Of a group of members.")


class GroupList(Schema):
    items: list[GroupDocument]


class KeyDocument(Schema):
    name: str
    kind: str
    fingerprint: str
    expires_on: str | None = None


class KeyList(Schema):
    items: list[KeyDocument]
