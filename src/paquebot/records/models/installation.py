"""What concerns the installation as a whole: its limits, and the schedulers and workers that share its database."""

from __future__ import annotations

from django.db import models

USUAL_RUNS_AT_ONCE = 5


class Installation(models.Model):
    """What an administrator said for the whole installation: one row, or none while nobody changed what is usual."""

    runs_at_once = models.PositiveSmallIntegerField(default=USUAL_RUNS_AT_ONCE)
    heartbeat = models.TextField(blank=True)
    """The address that is pinged while everything is at work, sealed; empty: none is."""
    pinged_at = models.DateTimeField(null=True)
    ping_error = models.JSONField(null=True)
    """Why the last ping was not taken."""


class Machine(models.Model):
    """A scheduler or a worker: one process on one machine, which says every few seconds that it is there."""

    name = models.CharField(max_length=120, unique=True)
    """`host:process`."""
    kind = models.CharField(max_length=10)
    host = models.CharField(max_length=100)
    places = models.PositiveSmallIntegerField(default=0)
    """How many runs it carries at once."""
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    draining_since = models.DateTimeField(null=True)
    """Since when it takes no further run: it was told to stop."""
    left_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("kind", "name")

    def __str__(self) -> str:
        return self.name
