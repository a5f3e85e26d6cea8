"""What became of a project's obfuscation key, and the files that lead from the tokens of one version to those of another."""

from __future__ import annotations

from django.db import models

from paquebot.records.models.people import User
from paquebot.records.models.project import Project


class Correspondence(models.Model):
    """A file that says, for each value of one field, its token under two versions of the project's key; never the value.

    The file is kept as runs' files are: sealed, under `location` and a wrapped key. `location` is empty until it is made, and
    once it was removed.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="correspondences")
    table = models.CharField(max_length=80)
    field = models.CharField(max_length=255)
    normalise = models.CharField(max_length=10)
    region = models.CharField(max_length=2, blank=True)
    old_version = models.PositiveIntegerField()
    new_version = models.PositiveIntegerField()
    process = models.PositiveIntegerField(default=0)
    """The process that makes it."""
    location = models.TextField(blank=True, db_index=True)
    wrapped_key = models.TextField(blank=True)
    rows = models.BigIntegerField(null=True)
    size_bytes = models.BigIntegerField(null=True)
    sha256 = models.CharField(max_length=64, blank=True)
    error = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)


class KeyAct(models.Model):
    """Something a person did with a project's obfuscation key, or with a file that came of it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="key_acts")
    act = models.CharField(max_length=20)
    person = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    person_name = models.CharField(max_length=254, blank=True)
    """Kept as it was, whatever becomes of the person; empty for the command line."""
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
