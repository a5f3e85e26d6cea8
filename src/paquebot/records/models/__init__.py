"""What is remembered, by subject."""

from paquebot.records.models.history import Artifact, Receipt, Run, RunAct, RunStep, SnapshotLease
from paquebot.records.models.people import Membership, User
from paquebot.records.models.project import (
    EncryptionKey,
    Export,
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
    "EncryptionKey",
    "Export",
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
