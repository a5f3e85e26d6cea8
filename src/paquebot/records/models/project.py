"""A project and what people describe in it: tables, queries, servers, keys, exports and their schedules."""

from __future__ import annotations

from typing import Any

from django.db import models


class Project(models.Model):
    """A set of contacts, tables, queries and exports that belong together. Its lake has one schema, one role, one folder."""

    name = models.SlugField(max_length=80, unique=True)
    label = models.CharField(max_length=200, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    runs_at_once = models.PositiveSmallIntegerField(null=True)
    """How many of its runs are carried at once; None: as many as the installation allows."""
    closed_days = models.JSONField(default=list)
    """Days of the project's own, as ISO dates, that count as public holidays wherever a schedule heeds them."""
    consent = models.JSONField(null=True)
    """The field by which contacts opt out: `table`, `field`, `opted_out` (the values that say so), `ceiling_hours`."""
    lake_schema = models.CharField(max_length=63, unique=True)
    lake_role = models.CharField(max_length=63, unique=True)
    lake_password = models.TextField()
    """Sealed by the installation's key."""
    database_kind = models.CharField(max_length=40, default="embedded")
    """`embedded`: the rows are in the lake, brought in by imports. Otherwise the kind of the database they are read from."""
    database_options = models.JSONField(default=dict)
    database_secrets = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_outside(self) -> bool:
        """Whether its rows are in a database that is not ours."""
        return self.database_kind != "embedded"


class ProjectKey(models.Model):
    """A version of the key a project's HMAC obfuscation uses."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="hmac_keys")
    version = models.PositiveIntegerField(default=1)
    sealed = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=["project", "version"], name="hmac_key_version"),)


class Table(models.Model):
    """A table of the project's database: the contact list, or a relational table."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="tables")
    name = models.CharField(max_length=80)
    is_contact_list = models.BooleanField(default=False)
    key = models.JSONField(default=list)
    columns = models.JSONField(default=list)
    """Names in the table's own order, as of the last import."""
    email = models.CharField(max_length=80, blank=True)
    display_order = models.JSONField(default=list)
    profile_of = models.JSONField(default=dict)
    catalogue = models.JSONField(default=dict)
    """Of a table outside, as of the last look: the kind of each column, about how many rows it has, and when that was."""

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(fields=["project", "name"], name="table_name"),
            models.UniqueConstraint(fields=["project"], condition=models.Q(is_contact_list=True), name="one_contact_list"),
        )

    def __str__(self) -> str:
        return self.name


class Import(models.Model):
    """One import of a file into a table, and the snapshot it made."""

    table = models.ForeignKey(Table, on_delete=models.CASCADE, related_name="imports")
    file_name = models.CharField(max_length=255)
    sha256 = models.CharField(max_length=64)
    mode = models.CharField(max_length=12)
    by_apply = models.BooleanField(default=False)
    """It was a project file that asked for it, and not a person with this very file in hand."""
    snapshot = models.BigIntegerField()
    counts = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)


class OptOuts(models.Model):
    """How many opted out with one snapshot of the lake, and when that was: the beginning of the unsubscribe clock."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="opt_outs")
    snapshot = models.BigIntegerField()
    at = models.DateTimeField()
    count = models.PositiveIntegerField()

    class Meta:
        ordering = ("snapshot",)
        constraints = (models.UniqueConstraint(fields=["project", "snapshot"], name="opt_outs_of_snapshot"),)


class Group(models.Model):
    """Contacts of a project: those that meet `where`, or the members the lake keeps in a table of its own."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="groups")
    name = models.CharField(max_length=80)
    where = models.JSONField(null=True)
    """A criterion as `paquebot.criteria` writes it; None for a group of members."""
    member_count = models.PositiveIntegerField(default=0)
    members_digest = models.CharField(max_length=64, blank=True)
    """SHA-256 of the members' keys, by which the same list is known."""

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["project", "name"], name="group_name"),)

    def __str__(self) -> str:
        return self.name

    @property
    def members_table(self) -> str:
        """The lake's table of its members: one field, named as the contact list's key."""
        return f"paquebot_members_{self.pk}"


class Query(models.Model):
    """A saved query in the dialect of the project's database; where it was built, `sql` is what that came to."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="queries")
    name = models.CharField(max_length=80)
    sql = models.TextField()
    build = models.JSONField(null=True)
    """As `paquebot.query_build` writes it; None for a query somebody wrote as SQL."""

    @property
    def said(self) -> dict[str, Any]:
        """As a project file says it."""
        return {"sql": self.sql} if self.build is None else {"build": self.build}

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["project", "name"], name="query_name"),)

    def __str__(self) -> str:
        return self.name


class Server(models.Model):
    """A place files are delivered to; `secrets` holds its sealed secret options as JSON."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="servers")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=40)
    options = models.JSONField(default=dict)
    secrets = models.JSONField(default=dict)
    references = models.JSONField(default=dict)
    """By option: the reference (`env:`, `file:`) its present value was last given by, so that `dump` can write it again."""
    max_concurrency = models.PositiveSmallIntegerField(default=2)
    canary_every = models.CharField(max_length=10, default="never")
    """How often it is examined by itself: a key of `server_keys.INTERVALS`, or never."""
    canary_writes = models.BooleanField(default=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["project", "name"], name="server_name"),)

    def __str__(self) -> str:
        return self.name


class Canary(models.Model):
    """When a server is next examined by itself, and what was found last."""

    server = models.OneToOneField(Server, on_delete=models.CASCADE, related_name="canary")
    next_at = models.DateTimeField(db_index=True)
    examined_at = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    """How many times in a row something was wrong."""
    is_down = models.BooleanField(default=False)
    """People were told that it fails, and not yet that it is back."""
    findings = models.JSONField(default=list)
    """The steps of the last examination, in their order; the error as `errors.describe` writes it."""


class EncryptionKey(models.Model):
    """A partner's public key."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="encryption_keys")
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=40, default="openpgp")
    public_text = models.TextField()
    fingerprint = models.CharField(max_length=80)
    expires_on = models.DateField(null=True, blank=True)
    reference = models.CharField(max_length=500, blank=True)
    """As `Server.references`."""

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["project", "name"], name="encryption_key_name"),)

    def __str__(self) -> str:
        return self.name


class SigningKey(models.Model):
    """A private key of the project's own, closed by its passphrase; both are sealed and never shown again."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="signing_keys")
    name = models.CharField(max_length=80)
    public_text = models.TextField()
    fingerprint = models.CharField(max_length=80)
    expires_on = models.DateField(null=True, blank=True)
    sealed_key = models.TextField()
    sealed_passphrase = models.TextField()

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["project", "name"], name="signing_key_name"),)

    def __str__(self) -> str:
        return self.name


class Export(models.Model):
    """An automated export: one definition, one destination, one state."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="exports")
    name = models.SlugField(max_length=80)
    state = models.CharField(max_length=12, default="draft")
    definition = models.JSONField()
    version = models.PositiveIntegerField(default=1)
    server = models.ForeignKey(Server, on_delete=models.PROTECT, null=True, related_name="exports")
    updated_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey("records.User", on_delete=models.SET_NULL, null=True, related_name="+")
    """Who wrote this version; nobody when a project file or the command line did."""
    applied = models.JSONField(null=True)
    """The definition as a project file last said it, with its alerts where the file named any; None for one made otherwise."""
    applied_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("name",)
        constraints = (models.UniqueConstraint(fields=["project", "name"], name="export_name"),)

    def __str__(self) -> str:
        return self.name


class ColumnContract(models.Model):
    """The columns of an export's last delivered file, which later files keep to."""

    export = models.OneToOneField(Export, on_delete=models.CASCADE, related_name="contract")
    columns = models.JSONField()
    choice = models.JSONField()
    """The content the export asked for then: a person who asks for another one starts a new contract."""
    run_number = models.BigIntegerField()
    """The run that made the file."""


class Schedule(models.Model):
    """When an active export is next due. The row of a paused export is kept, disabled."""

    export = models.OneToOneField(Export, on_delete=models.CASCADE, related_name="schedule")
    specification = models.JSONField()
    timezone = models.CharField(max_length=64)
    next_at = models.DateTimeField(null=True)
    enabled = models.BooleanField(default=True)

    class Meta:
        indexes = (models.Index(fields=["next_at"], condition=models.Q(enabled=True), name="schedule_due"),)


class Trigger(models.Model):
    """What starts an export beside the clock: the specification, and what was last seen of what it watches."""

    export = models.OneToOneField(Export, on_delete=models.CASCADE, related_name="trigger")
    kind = models.CharField(max_length=12)
    specification = models.JSONField()
    enabled = models.BooleanField(default=True)
    seen = models.JSONField(null=True)
    """None until the first look, which only remembers: what was there before does not start anything."""
    look_at = models.DateTimeField(null=True)
    """When to look next."""
    error = models.JSONField(null=True)
    """Why the last look saw nothing."""

    class Meta:
        indexes = (models.Index(fields=["look_at"], condition=models.Q(enabled=True), name="trigger_due"),)
