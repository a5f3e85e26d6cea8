"""What programs sign in with, and the answers they may ask for again."""

from __future__ import annotations

from django.db import models

from paquebot.records.models.people import User
from paquebot.records.models.project import Project

READ, RUN, EDIT, ADMIN = "read", "run", "edit", "admin"
SCOPES = (READ, RUN, EDIT, ADMIN)
"""Each may do what those before it may: see exports and runs; run, retry and release; change exports and see people's data;
see and change keys."""


class ApiToken(models.Model):
    """A program's way into one project. The token itself is known by its digest alone."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    scope = models.CharField(max_length=8, choices=[(scope, scope) for scope in SCOPES])
    digest = models.CharField(max_length=64, unique=True)
    beginning = models.CharField(max_length=12)
    """The first letters, by which a person knows one token from another."""
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name


class IdempotentAnswer(models.Model):
    """What was answered to a request with an `Idempotency-Key`, given again to whoever sends the same once more."""

    token = models.ForeignKey(ApiToken, on_delete=models.CASCADE, related_name="answers")
    key = models.CharField(max_length=100)
    request = models.CharField(max_length=64)
    """The digest of method, address and body."""
    status = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["token", "key"], name="one_answer_a_key"),)
