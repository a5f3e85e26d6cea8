"""Alerts: who listens to what, what was told, and the messages that still have to leave."""

from __future__ import annotations

from django.db import models

from paquebot.records.models.history import Run
from paquebot.records.models.people import User
from paquebot.records.models.project import Export, Project

ALERT, DIGEST = "alert", "digest"
"""Purposes of letters that tell a notice: at once, or gathered with others."""
WAITING, SENT, REFUSED, WITHDRAWN = "waiting", "sent", "refused", "withdrawn"
"""States of a letter. A refused one waits for a person: its reader's server will never take it as it is."""


class AlertChannel(models.Model):
    """A place of a project's where things are told and that is no person: a webhook, a room of a chat service, a heartbeat."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="channels")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=40)
    options = models.JSONField(default=dict)
    secrets = models.JSONField(default=dict)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["project", "name"], name="channel_name"),)

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """Somebody who listens to an export: a person, an address that stands for nobody who signs in, or a channel."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="subscriptions")
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="subscriptions")
    address = models.CharField(max_length=254, blank=True)
    """Empty for a person, who is written to at the address they have by then."""
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, null=True, related_name="subscriptions")
    awaits_person = models.BooleanField(default=False)
    """The address was given as that of a person, whom nobody has let in yet."""
    language = models.CharField(max_length=5, blank=True)
    """What an address is written in: the language of whoever put it there."""
    events = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(fields=["export", "user"], condition=models.Q(user__isnull=False), name="one_ear_a_person"),
            models.UniqueConstraint(
                fields=["export", "address"],
                condition=models.Q(user__isnull=True, channel__isnull=True),
                name="one_ear_an_address",
            ),
            models.UniqueConstraint(
                fields=["export", "channel"], condition=models.Q(channel__isnull=False), name="one_ear_a_channel"
            ),
        )


class Deadline(models.Model):
    """When somebody next looks whether an export was delivered in time."""

    export = models.OneToOneField(Export, on_delete=models.CASCADE, related_name="deadline")
    next_at = models.DateTimeField(db_index=True)
    since = models.DateTimeField()
    """Due times before it do not count: nobody watched yet."""


class Notice(models.Model):
    """One thing that happened to an export and is told: the end of a run, or that one is late. `facts` are all it says.

    The same cause again and again makes a series: `series` is its first notice, `count` the place in it.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="notices")
    export = models.ForeignKey(Export, on_delete=models.SET_NULL, null=True, related_name="notices")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, null=True, related_name="notices")
    event = models.CharField(max_length=20)
    due_at = models.DateTimeField()
    facts = models.JSONField(default=dict)
    series = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    count = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-id",)
        indexes = (models.Index(fields=["export", "-id"], name="notice_of_export"),)
        constraints = (
            models.UniqueConstraint(fields=["run", "event"], condition=models.Q(run__isnull=False), name="one_notice_an_event"),
        )


class InboxEntry(models.Model):
    """What a person reads in the application. A series is one entry: it tells its newest notice, and is unread again."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="inbox")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="+")
    series = models.ForeignKey(Notice, on_delete=models.CASCADE, related_name="+")
    told_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("-told_at", "-id")
        indexes = (
            models.Index(fields=["user", "project", "-told_at"], name="inbox_of_person"),
            models.Index(fields=["user", "project"], condition=models.Q(read_at__isnull=True), name="inbox_unread"),
        )
        constraints = (models.UniqueConstraint(fields=["user", "series"], name="one_entry_a_series"),)


class Letter(models.Model):
    """A message on its way to one address, written in the transaction of what it tells, kept until it has left.

    It says its notice, or what is sealed in `sealed`; the latter is worth nothing after `until` and is not sent then.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, related_name="letters")
    notice = models.ForeignKey(Notice, on_delete=models.CASCADE, null=True, related_name="letters")
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    channel = models.ForeignKey(AlertChannel, on_delete=models.CASCADE, null=True, related_name="letters")
    """Where it goes, when not by e-mail: then there is no address."""
    address = models.CharField(max_length=254, blank=True)
    language = models.CharField(max_length=5, blank=True)
    purpose = models.CharField(max_length=20, default=ALERT)
    sealed = models.TextField(blank=True)
    token = models.CharField(max_length=32)
    """What its Message-ID is made of: sent again after a crash, it is recognisable as the same."""
    state = models.CharField(max_length=10, default=WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    error = models.JSONField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("id",)
        indexes = (
            models.Index(fields=["next_at"], condition=models.Q(state="waiting"), name="letter_due"),
            models.Index(fields=["project", "-id"], condition=~models.Q(state="sent"), name="letter_kept"),
        )


class Channel(models.Model):
    """How messages leave the installation: the options of one notifier, its secret ones sealed."""

    kind = models.CharField(max_length=40, unique=True)
    options = models.JSONField(default=dict)
    secrets = models.JSONField(default=dict)
    pages_url = models.CharField(max_length=300, blank=True)
    """Where people reach the pages, for the links in messages."""
    updated_at = models.DateTimeField(auto_now=True)
