"""What is remembered, by subject."""

from paquebot.records.models.alerts import AlertChannel, Channel, Deadline, InboxEntry, Letter, Notice, Subscription
from paquebot.records.models.history import Artifact, Receipt, Run, RunAct, RunStep, SnapshotLease
from paquebot.records.models.installation import Installation, Machine
from paquebot.records.models.people import Invitation, Membership, User
from paquebot.records.models.project import (
    Canary,
    ColumnContract,
    EncryptionKey,
    Export,
    Group,
    Import,
    OptOuts,
    Project,
    ProjectKey,
    Query,
    Schedule,
    Server,
    Table,
    Trigger,
)

__all__ = [
    "AlertChannel",
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
    "Installation",
    "Invitation",
    "Letter",
    "Machine",
    "Membership",
    "Notice",
    "OptOuts",
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
