"""What is remembered, by subject."""

from paquebot.records.models.history import Artifact, Receipt, Run, RunAct, RunStep, SnapshotLease
from paquebot.records.models.people import Membership, User
from paquebot.records.models.project import (
    ColumnContract,
    EncryptionKey,
    Export,
    Group,
    Import,
    Project,
    ProjectKey,
    Query,
    Schedule,
    Server,
    Table,
    Trigger,
)

__all__ = [
    "Artifact",
    "ColumnContract",
    "EncryptionKey",
    "Export",
    "Group",
    "Import",
    "Membership",
    "Project",
    "ProjectKey",
    "Query",
    "Receipt",
    "Run",
    "RunAct",
    "RunStep",
    "Schedule",
    "Server",
    "SnapshotLease",
    "Table",
    "Trigger",
    "User",
]
