"""The mail server of the installation: set by an administrator, tried, and used for every message to people."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from paquebot.credentials import Secret
from paquebot.delivery.address import dial
from paquebot.errors import CommandError, Problem
from paquebot.language import translator
from paquebot.options import Entry, read
from paquebot.plugins import find
from paquebot.records.alerts.letters import Told
from paquebot.records.connection import Records
from paquebot.records.models import Channel, Letter
from paquebot.records.models.alerts import WAITING
from paquebot.records.writing import CHANGED_MEANWHILE, version_of
from paquebot.reporting.notifiers.base import Message, Notifier

KIND = "email"
NO_SERVER = Problem("mail.no_server", "No mail server is set yet.", "Save its settings first, then try it.")


def options() -> tuple[Entry, ...]:
    """What a mail server can be told."""
    entries: tuple[Entry, ...] = find("notifiers", KIND).OPTIONS
    return entries


def channel() -> Channel | None:
    """The mail server as it is set, None while there is none."""
    return Channel.objects.filter(kind=KIND).first()


def version() -> str:
    """What a form carries to say which state of the settings it was made from."""
    row = channel()
    return version_of(row) if row else ""


def save(records: Records, written: Mapping[str, Any], *, kept: Collection[str] = (), pages_url: str, version: str) -> None:
    """The settings as `written`; the secrets named in `kept` stay. What waited is tried again at once.

    Raises `PaquebotError`.
    """
    with transaction.atomic():
        row = Channel.objects.select_for_update().filter(kind=KIND).first()
        if (version_of(row) if row else "") != version:
            raise CommandError(CHANGED_MEANWHILE, name=row.options["host"] if row else KIND)
        row = row or Channel(kind=KIND)
        stored = {name: records.keyring.unseal(row.secrets[name]) for name in kept if name in row.secrets}
        values = read(options(), {**written, **stored})
        find("notifiers", KIND)({**written, **stored}, dial)
        row.options = {name: value for name, value in values.items() if not isinstance(value, Secret)}
        row.secrets = {name: records.keyring.seal(v.reveal()) for name, v in values.items() if isinstance(v, Secret)}
        row.pages_url = pages_url.rstrip("/")
        row.save()
        Letter.objects.filter(state=WAITING).update(next_at=timezone.now())


def forget(version: str) -> None:
    """No mail server is set any more: messages wait. Raises `CommandError` when it was changed meanwhile."""
    with transaction.atomic():
        row = Channel.objects.select_for_update().filter(kind=KIND).first()
        if row and version_of(row) != version:
            raise CommandError(CHANGED_MEANWHILE, name=row.options["host"])
        if row:
            row.delete()


def notifier(records: Records) -> Notifier | None:
    """The mail server, ready to connect; None while none is set."""
    row = channel()
    if row is None:
        return None
    stored = {name: records.keyring.unseal(value) for name, value in row.secrets.items()}
    built: Notifier = find("notifiers", KIND)({**row.options, **stored}, dial)
    return built


def pages_url() -> str:
    """Where people reach the pages: what the environment says, else what the administrator confirmed."""
    if settings.PAGES_URL:
        return str(settings.PAGES_URL)
    row = channel()
    return row.pages_url if row else ""


def try_out(records: Records, address: str, language: str) -> None:
    """Sends a small message to `address`, now. Raises `PaquebotError` saying what is in the way."""
    ready = notifier(records)
    if ready is None:
        raise CommandError(NO_SERVER)
    _ = translator(language)
    told = Told(
        subject=_("Paquebot can write to you"),
        paragraphs=(_("This is the test message you asked for: the mail server takes what Paquebot sends."),),
        link=pages_url(),
        link_words=_("Paquebot"),
    )
    identity = secrets.token_hex(16)
    with ready:
        ready.send(Message(address, told.subject, told.text(_), told.html(language), identity, timezone.localtime(), language))
