"""Runs and what they left: steps, the kept file, the receipt, the snapshot they read."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models.functions import Coalesce

from paquebot.records.models.people import User
from paquebot.records.models.project import Export, Project

ACTIVE = ("running", "cancelling")
"""A process holds the run, or is about to notice that it must stop."""
_UNENDED = timedelta(seconds=-1)
FINISHED = ("delivered", "nothing_to_export", "held", "refused", "failed", "cancelled", "skipped", "missed")


def lasted() -> Coalesce:
    """How long a run took, less than nothing while it has not ended: never null, so that lists can sort by it."""
    return Coalesce(models.F("finished_at") - models.F("started_at"), _UNENDED, output_field=models.DurationField())


class Run(models.Model):
    """One carrying out of an export, with the definition frozen when it was asked for.

    `attempt` fences: only the process that holds the current attempt may write. `job_id` is set while a job of the queue stands
    for the run (admitted, or running).
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="runs")
    export = models.ForeignKey(Export, on_delete=models.SET_NULL, null=True, related_name="runs")
    export_name = models.CharField(max_length=80)
    server_name = models.CharField(max_length=80)
    definition = models.JSONField()
    definition_version = models.PositiveIntegerField()
    status = models.CharField(max_length=20, default="queued")
    trigger = models.CharField(max_length=20)
    token = models.CharField(max_length=16, unique=True)
    scheduled_for = models.DateTimeField()
    """The logical time: names and dates derive from it, and a retry keeps it."""
    not_before = models.DateTimeField(null=True)
    start_by = models.DateTimeField(null=True)
    """Later than that it does not start any more."""
    cause = models.JSONField(default=dict)
    """What a trigger saw: the run it follows, the file, the snapshot."""
    stop_reason = models.JSONField(null=True)
    """Why it was asked to stop, when it was not a person who asked."""
    is_unusual = models.BooleanField(default=False)
    """It took, or is taking, several times as long as its export usually does."""
    is_followed_up = models.BooleanField(default=False)
    """What its end leads to was seen to."""
    attempt = models.PositiveIntegerField(default=0)
    job_id = models.BigIntegerField(null=True)
    priority = models.SmallIntegerField(db_default=0, default=0)
    """The greater goes first when there is no room for all."""
    machine = models.CharField(max_length=120, blank=True, default="", db_default="")
    """The worker that carries, or last carried, the run: `Machine.name`."""
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    snapshot = models.BigIntegerField(null=True)
    file_name = models.CharField(max_length=255, blank=True)
    remote_path = models.TextField(blank=True)
    size_bytes = models.BigIntegerField(null=True)
    rows = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    verification = models.CharField(max_length=40, blank=True)
    intended = models.BooleanField(default=False)
    progress = models.JSONField(default=dict)
    error = models.JSONField(null=True)
    changes = models.JSONField(null=True)
    """Of a file of changes: whether all rows left and why, how many were added, changed and removed, from which cursor on."""
    parts = models.JSONField(null=True)
    """Of an export that leaves in parts: name, rows, size, digest and, once it is there, path of each."""
    retry_of = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="retries")
    """The run this one sends again, or makes again."""
    released_at = models.DateTimeField(null=True)
    """When a person let the held file leave."""
    attempt_base = models.PositiveIntegerField(default=0)
    """Attempts that were over when it was released: they count no more towards giving up."""
    ignored_at = models.DateTimeField(null=True)
    """Since when lists leave it out; nothing of it is deleted."""
    ignored_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    """Nobody when the command line did."""

    class Meta:
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["project", "-id"], name="run_of_project"),
            models.Index(fields=["export", "-id"], name="run_of_export"),
            models.Index(fields=["project", "finished_at"], name="run_of_project_by_end"),
            models.Index(fields=["project", "created_at"], name="run_of_project_by_start"),
            models.Index(fields=["project", "status", "id"], name="run_by_status"),
            models.Index(fields=["project", "export_name", "id"], name="run_by_export_name"),
            models.Index(fields=["project", "server_name", "id"], name="run_by_server_name"),
            models.Index(fields=["export", "file_name", "id"], name="run_by_file_name"),
            models.Index("project", Coalesce("size_bytes", -1), "id", name="run_by_size"),
            models.Index("project", Coalesce("rows", -1), "id", name="run_by_rows"),
            models.Index("project", lasted(), "id", name="run_by_duration"),
            models.Index(fields=["project", "file_name", "id"], name="run_of_project_by_file"),
            models.Index(fields=["status"], condition=models.Q(status__in=["queued", *ACTIVE]), name="run_unfinished"),
            models.Index(fields=["id"], condition=models.Q(is_followed_up=False), name="run_to_follow_up"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=["export", "scheduled_for"], condition=models.Q(trigger="schedule"), name="one_run_per_due_time"
            ),
            models.UniqueConstraint(
                fields=["export"], condition=models.Q(job_id__isnull=False), name="one_run_of_an_export_at_a_time"
            ),
        )

    @property
    def tries(self) -> int:
        """The attempts that count: those since it was released, where somebody did."""
        return self.attempt - self.attempt_base


class RunStep(models.Model):
    """One step of one attempt, recorded as it happens."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps")
    attempt = models.PositiveIntegerField()
    name = models.CharField(max_length=20)
    status = models.CharField(max_length=12, default="running")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ("id",)


class RunAct(models.Model):
    """Something a person did about a run: the log that stands beside what the application did."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="acts")
    act = models.CharField(max_length=20)
    person = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    person_name = models.CharField(max_length=254, blank=True)
    """Kept as it was, whatever becomes of the person; empty for the command line."""
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)


class Artifact(models.Model):
    """A produced file, kept encrypted: where it is, its wrapped key, and its measure at each point of the road.

    A run that sends the file of another again has a row of its own for the same `location`: each row holds the file, and
    whoever purges removes it with the last one (`runs.let_go`).
    """

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="artifact")
    location = models.TextField(db_index=True)
    wrapped_key = models.TextField()
    facts = models.JSONField()
    """`SealedArtifact` without location and key."""
    created_at = models.DateTimeField(auto_now_add=True)


class Receipt(models.Model):
    """The signed receipt of a delivered run: the exact text, and the signature of its bytes."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="receipt")
    document = models.TextField()
    signature = models.TextField()


class ReceiptKey(models.Model):
    """The public half (raw, base64) of a key receipts were signed with; the one not retired is the installation's."""

    public_key = models.TextField(unique=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(models.Value(1), condition=models.Q(retired_at=None), name="one_key_of_the_installation"),
        )


class SnapshotLease(models.Model):
    """Names a snapshot in use or kept: expiry passes over it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="leases")
    snapshot = models.BigIntegerField()
    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="lease")
    created_at = models.DateTimeField(auto_now_add=True)
