"""What exports of changes keep from one run to the next."""

from __future__ import annotations

from django.db import models

from paquebot.records.models.project import Export


class RowState(models.Model):
    """A kept file of keys and digests of rows, as a run's file left them. Without a row here such a file is swept."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="row_states")
    location = models.TextField(unique=True)
    wrapped_key = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)


class ChangeCursor(models.Model):
    """How far the reader of an export's changes is: what the last verified file left it with."""

    export = models.OneToOneField(Export, on_delete=models.CASCADE, related_name="change_cursor")
    number = models.PositiveIntegerField(default=0)
    """Only ever grows: a file made from another number is older than the cursor."""
    state = models.OneToOneField(RowState, on_delete=models.SET_NULL, null=True, related_name="cursor")
    """None while there is nothing to compare with: then everything leaves."""
    perhaps = models.JSONField(default=list)
    """The locations of states whose file was about to get its name, and of which nobody heard again: it may have arrived."""
    columns = models.JSONField(default=list)
    choice = models.JSONField(default=dict)
    """What the export said then of key, obfuscation, destination and of how operations are told: another choice asks for
    everything anew."""
    since_complete = models.PositiveIntegerField(default=0)
    """Files since the last complete one."""
    made_by = models.BigIntegerField(null=True)
    """The run that made the file."""
    moved_at = models.DateTimeField(null=True)
