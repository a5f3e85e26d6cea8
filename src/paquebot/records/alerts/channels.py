"""The channels of a project: webhooks, rooms of chat services, heartbeats. Made, tried and removed; secrets are sealed here."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.db import transaction
from django.utils import timezone

from paquebot.alerts import CHANNEL_KINDS, DELIVERED
from paquebot.credentials import Secret
from paquebot.delivery.address import dial
from paquebot.errors import CommandError, Problem
from paquebot.language import translator
from paquebot.options import Entry, Path, read
from paquebot.plugins import find
from paquebot.project_parts import ChannelDefinition
from paquebot.records.alerts import mail
from paquebot.records.alerts.letters import Told
from paquebot.records.connection import Records
from paquebot.records.models import AlertChannel, Letter, Project, Subscription
from paquebot.records.models.alerts import REFUSED, WAITING
from paquebot.records.writing import locked, put, require_free
from paquebot.reporting.notifiers.base import Message, Notifier

NO_SUCH_KIND = Problem("channel.unknown_kind", "There is no channel of the kind “{kind}”.", "Choose one of: {known}.")


def options_of(kind: str) -> tuple[Entry, ...]:
    """What a channel of that kind can be told. Raises `CommandError` for an unknown kind."""
    if kind not in CHANNEL_KINDS:
        raise CommandError(NO_SUCH_KIND, kind=kind, known=CHANNEL_KINDS)
    entries: tuple[Entry, ...] = find("notifiers", kind).OPTIONS
    return entries


def read_channel(channel: ChannelDefinition, path: Path = ()) -> dict[str, Any]:
    """The options of a channel of a project file, as its plug-in reads them. Raises `DefinitionError`."""
    written = {name: value.reveal() if isinstance(value, Secret) else value for name, value in channel.options.items()}
    return read(options_of(channel.kind), written, path)


def add_channel(records: Records, project: Project, name: str, kind: str, written: Mapping[str, Any]) -> AlertChannel:
    """A new channel. Raises `PaquebotError` saying what is wrong with its name or an option."""
    options = read(options_of(kind), written)
    with transaction.atomic():
        require_free(AlertChannel, project, name)
        keep_channel(records, project, name, kind, options)
    return AlertChannel.objects.get(project=project, name=name)


def change_channel(
    records: Records, channel: AlertChannel, written: Mapping[str, Any], *, kept: Collection[str] = (), version: str
) -> None:
    """The channel as `written`; the secrets named in `kept` stay. What it did not take is tried again.

    Raises `PaquebotError`.
    """
    with transaction.atomic():
        row = locked(AlertChannel, channel.project, channel.name, version)
        stored = {name: records.keyring.unseal(row.secrets[name]) for name in kept if name in row.secrets}
        keep_channel(records, row.project, row.name, row.kind, read(options_of(row.kind), {**written, **stored}))
        waiting = Letter.objects.filter(channel=row, state__in=(WAITING, REFUSED))
        waiting.update(state=WAITING, next_at=timezone.now())


def keep_channel(records: Records, project: Project, name: str, kind: str, options: Mapping[str, Any]) -> str | None:
    """Writes the options as their plug-in read them; returns what `put` returns."""
    plain = {option: value for option, value in options.items() if not isinstance(value, Secret)}
    secret = {option: value for option, value in options.items() if isinstance(value, Secret)}
    known = AlertChannel.objects.filter(project=project, name=name).first()
    if known and {option: records.keyring.unseal(value) for option, value in known.secrets.items()} == secret:
        sealed = known.secrets  # sealing anew gives other bytes: an unchanged secret is left as it is
    else:
        sealed = {option: records.keyring.seal(value.reveal()) for option, value in secret.items()}
    return put(AlertChannel, project, name, {"kind": kind, "options": plain, "secrets": sealed})


def remove_channel(project: Project, name: str, version: str) -> None:
    """Nothing is told there any more. Raises `CommandError` when it was changed meanwhile."""
    with transaction.atomic():
        locked(AlertChannel, project, name, version).delete()


def relying_on(channel: AlertChannel) -> list[str]:
    """The names of the exports that tell it."""
    return list(Subscription.objects.filter(channel=channel).order_by("export__name").values_list("export__name", flat=True))


def notifier_of(records: Records, channel: AlertChannel) -> Notifier:
    """The channel, ready to tell."""
    stored = {name: records.keyring.unseal(value) for name, value in channel.secrets.items()}
    built: Notifier = find("notifiers", channel.kind)({**channel.options, **stored}, dial)
    return built


def place_of(records: Records, channel: AlertChannel) -> str:
    """Where it leads: the server alone, since the rest of an address may be a secret."""
    sealed = channel.secrets.get("url")
    url = records.keyring.unseal(sealed).reveal() if sealed else str(channel.options.get("url", ""))
    return urlsplit(url).hostname or ""


def try_out(records: Records, channel: AlertChannel, language: str) -> None:
    """Sends a small message, now. Raises `PaquebotError` saying what is in the way."""
    _ = translator(language)
    told = Told(
        subject=_("Paquebot can write to you"),
        paragraphs=(_("This is the test message you asked for: the channel takes what Paquebot sends."),),
        link=mail.pages_url(),
        link_words=_("Paquebot"),
    )
    facts = {"event": "test" if channel.kind != "heartbeat" else DELIVERED, "project": channel.project.name}
    message = Message("", told.subject, told.text(_), "", secrets.token_hex(16), timezone.now(), language, facts=facts)
    with notifier_of(records, channel) as notifier:
        notifier.send(message)


def error_of(channel: AlertChannel) -> Mapping[str, Any] | None:
    """Why the last message it should have taken did not leave; None when it did."""
    last = Letter.objects.filter(channel=channel).order_by("-id").first()
    return last.error if last is not None and last.state in (WAITING, REFUSED) else None
