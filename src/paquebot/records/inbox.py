"""A person's inbox in one project: what they listen to, and whether they have read it."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from paquebot.records.models import InboxEntry, Project, User


def entries_of(user: User, project: Project) -> QuerySet[InboxEntry]:
    """What was told, the newest first."""
    return InboxEntry.objects.filter(user=user, project=project).select_related("notice__export").order_by("-told_at", "-id")


def unread_of(user: User, project: Project) -> int:
    """How many entries wait to be read."""
    return InboxEntry.objects.filter(user=user, project=project, read_at=None).count()


def mark_read(user: User, project: Project, entry: int | None = None) -> None:
    """One entry, or all of them, were read."""
    unread = InboxEntry.objects.filter(user=user, project=project, read_at=None)
    (unread if entry is None else unread.filter(id=entry)).update(read_at=timezone.now())


def mark_run_read(user: User, run_id: int) -> None:
    """Whoever opened the run has read what was told of it."""
    InboxEntry.objects.filter(user=user, notice__run_id=run_id, read_at=None).update(read_at=timezone.now())
