"""What is remembered, by subject."""

from paquebot.records.models.alerts import AlertChannel, Channel, Deadline, InboxEntry, Letter, Notice, Subscription
from paquebot.records.models.api import ApiToken, IdempotentAnswer
from paquebot.records.models.changes import ChangeCursor, RowState
from paquebot.records.models.history import Artifact, Receipt, ReceiptKey, Run, RunAct, RunStep, SnapshotLease
from paquebot.records.models.installation import Installation, Machine
from paquebot.records.models.obfuscation import Correspondence, KeyAct
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
    SigningKey,
    Table,
    Trigger,
)

__all__ = [
    "AlertChannel",
    "ApiToken",
    "Artifact",
    "Canary",
    "ChangeCursor",
    "Channel",
    "ColumnContract",
    "Correspondence",
    "Deadline",
    "EncryptionKey",
    "Export",
    "Group",
    "IdempotentAnswer",
    "Import",
    "InboxEntry",
    "Installation",
    "Invitation",
    "KeyAct",
    "Letter",
    "Machine",
    "Membership",
    "Notice",
    "OptOuts",
    "Project",
    "ProjectKey",
    "Query",
    "Receipt",
    "ReceiptKey",
    "RowState",
    "Run",
    "RunAct",
    "RunStep",
    "Schedule",
    "Server",
    "SigningKey",
    "SnapshotLease",
    "Subscription",
    "Table",
    "Trigger",
    "User",
]
