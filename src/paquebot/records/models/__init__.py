"""What is remembered, by subject."""

from paquebot.records.models.alerts import Channel, Deadline, InboxEntry, Letter, Notice, Subscription
from paquebot.records.models.history import Artifact, Receipt, Run, RunAct, RunStep, SnapshotLease
from paquebot.records.models.people import Invitation, Membership, User
from paquebot.records.models.project import (
    Canary,
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
    "Canary",
    "Channel",
    "ColumnContract",
    "Deadline",
    "EncryptionKey",
    "Export",
    "Group",
    "Import",
    "InboxEntry",
    "Invitation",
    "Letter",
    "Membership",
    "Notice",
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
    "Subscription",
    "Table",
    "Trigger",
    "User",
]
