"""People who sign in, and what each may do in which project."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models

from paquebot.records.models.project import Project

OWNER, EDITOR, OPERATOR, VIEWER = "owner", "editor", "operator", "viewer"
ROLES = (VIEWER, OPERATOR, EDITOR, OWNER)
"""Each may do what those before it may."""


class UserManager(BaseUserManager["User"]):
    """Finds people by e-mail, whatever its case."""

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser):
    """A person. The e-mail, in lower case, is the login; an administrator sees every project as its owner does."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    language = models.CharField(max_length=5, blank=True)
    """Empty: what the browser asks for."""
    theme = models.CharField(max_length=5, blank=True)
    """`light` or `dark`; empty: what the system asks for."""
    is_administrator = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    reset_asked_at = models.DateTimeField(null=True)
    """When a message to choose another password last left."""
    spoken = models.CharField(max_length=5, blank=True)
    """The language the pages last spoke with them: that of messages, too, while they chose none."""
    digest = models.CharField(max_length=5, blank=True)
    """What waits for one message a day: `rest`, all but what went wrong; `all`; empty: nothing."""
    seen_at = models.DateTimeField(null=True)
    """When the person last opened a page, to a few minutes."""

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    class Meta:
        ordering = ("email",)

    def __str__(self) -> str:
        return self.name or self.email


class Membership(models.Model):
    """What one person may do in one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=[(role, role) for role in ROLES])
    sees_data = models.BooleanField(default=False)
    """Whether rows and files are shown to them, too, whose role alone does not."""
    is_active = models.BooleanField(default=True)
    """A deactivated member sees nothing of the project and is told nothing; what they did stays theirs."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("user__email",)
        constraints = (models.UniqueConstraint(fields=["project", "user"], name="one_membership"),)


class Invitation(models.Model):
    """A place in a project for somebody who has no account yet. The link that takes it is known by its digest alone."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=10)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("email",)
        constraints = (models.UniqueConstraint(fields=["project", "email"], name="one_invitation"),)
