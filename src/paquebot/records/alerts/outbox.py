"""Letters on their way: each waits in the database until a mail server has taken it.

A letter is held by its row while it is handed over, so that no two senders have it at once; a sender that dies lets go of it.
Died it after the server took the letter and before that was written down, the letter leaves once more, under the same
Message-ID: told twice is better than not told.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from paquebot.errors import PaquebotError, describe
from paquebot.language import environment_language, supported, translator
from paquebot.records.alerts import channels, mail
from paquebot.records.alerts.letters import Told, compose, compose_digest, path_of
from paquebot.records.alerts.listening import active_in
from paquebot.records.connection import Records
from paquebot.records.models import AlertChannel, Letter, Notice, Project, User
from paquebot.records.models.alerts import DIGEST, REFUSED, SENT, WAITING, WITHDRAWN
from paquebot.reporting.notifiers.base import Message, MessageRefusedError, Notifier

FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=30)
AT_A_TIME = 200

logger = logging.getLogger("paquebot.mail")


@dataclass(frozen=True, slots=True)
class Errand:
    """What a letter that is no alert is for, and for how long it is worth sending."""

    address: str
    purpose: str
    lasts: timedelta
    project: Project | None = None


def post(records: Records, errand: Errand, told: Told, language: str) -> Letter:
    """Puts a message that is no alert on its way; it may hold a link that opens something, so it is kept sealed."""
    _ = translator(language)
    content = {"subject": told.subject, "text": told.text(_), "html": told.html(supported(language))}
    return Letter.objects.create(
        project=errand.project,
        address=errand.address,
        language=supported(language),
        purpose=errand.purpose,
        sealed=records.keyring.seal(json.dumps(content)),
        token=secrets.token_hex(16),
        next_at=timezone.now(),
        until=timezone.now() + errand.lasts,
    )


def send_due(records: Records) -> int:
    """Hands over what is due, the e-mails over one connection; returns how many letters left.

    Never raises for a server's sake.
    """
    sent = 0
    for channel in _with_something_due():
        sent += _send_by(records, channel)
    return sent


def notifier_by(records: Records, channel: AlertChannel | None) -> Notifier | None:
    """What tells the channel, or the mail server for None; None while no mail server is set."""
    return channels.notifier_of(records, channel) if channel else mail.notifier(records)


def _with_something_due() -> list[AlertChannel | None]:
    """The channels something is due for, None for the mail server. What another sender holds is no reason to ring at a door."""
    with transaction.atomic():
        held = due().select_for_update(skip_locked=True, of=("self",)).select_related("channel")[:AT_A_TIME]
        return list({letter.channel_id: letter.channel for letter in held}.values())


def _send_by(records: Records, channel: AlertChannel | None) -> int:
    try:
        notifier = notifier_by(records, channel)
        if notifier is None:
            return 0
        notifier.__enter__()
    except PaquebotError as error:
        put_off_all(error, channel)
        return 0
    try:
        return _send_while(records, notifier, channel)
    finally:
        notifier.__exit__(None, None, None)


def due(now: datetime | None = None) -> QuerySet[Letter]:
    """What should leave now, the longest waiting first."""
    return Letter.objects.filter(state=WAITING, next_at__lte=now or timezone.now()).order_by("next_at", "id")


def send_next(records: Records, notifier: Notifier, channel: AlertChannel | None = None) -> bool | None:
    """Hands the next due letter over: whether it left, or None when nothing is due. Holds its row meanwhile.

    Raises the `PaquebotError` of a link that is of no use any more, after having put the letter off.
    """
    with transaction.atomic():
        waiting = due().filter(channel=channel).select_for_update(skip_locked=True, of=("self",))
        letter = waiting.select_related("notice", "user", "project", "channel").first()
        if letter is None:
            return None
        lost = _hand_over(records, notifier, letter)
        letter.save()
    if lost is not None:
        raise lost
    return letter.state == SENT


def put_off_all(error: PaquebotError, channel: AlertChannel | None = None) -> None:
    """Nobody could be reached that way: everything that is due there waits, and says why."""
    with transaction.atomic():
        waiting = list(due().filter(channel=channel).select_for_update(skip_locked=True, of=("self",))[:AT_A_TIME])
        for letter in waiting:
            _put_off(letter, error)
        Letter.objects.bulk_update(waiting, ["attempts", "error", "next_at"])


def kept_in(project: Project | None, *, everywhere: bool = False) -> QuerySet[Letter]:
    """Letters that did not leave: waiting after a failure or for want of a server, or refused. The newest first."""
    chosen = (
        Letter.objects.filter(state__in=(WAITING, REFUSED))
        .select_related("notice", "user", "project", "channel")
        .order_by("-id")
    )
    return chosen if everywhere else chosen.filter(project=project)


def stuck_in(project: Project | None, *, everywhere: bool = False) -> QuerySet[Letter]:
    """Of these, those somebody should know of: they were tried in vain, were refused, or have no server to go to."""
    chosen = kept_in(project, everywhere=everywhere)
    in_vain = Q(state=REFUSED) | Q(attempts__gt=0)
    return chosen.filter(in_vain | Q(channel=None) if mail.channel() is None else in_vain)


def retry_now(chosen: QuerySet[Letter]) -> int:
    """What waits or was refused is tried again at once."""
    return chosen.update(state=WAITING, next_at=timezone.now())


def withdraw(chosen: QuerySet[Letter]) -> int:
    """What waits or was refused is not sent any more."""
    return chosen.update(state=WITHDRAWN)


def last_sent(project: Project | None, *, everywhere: bool = False) -> Sequence[Letter]:
    """The last letters that left."""
    chosen = Letter.objects.filter(state=SENT).select_related("notice", "user", "channel").order_by("-sent_at")
    return list((chosen if everywhere else chosen.filter(project=project))[:10])


def pause_after(attempts: int) -> timedelta:
    """How long a letter waits after so many attempts: half a minute, then twice as long each time, half an hour at most."""
    doubled: timedelta = FIRST_PAUSE * 2 ** min(attempts - 1, 10)
    return min(doubled, LONGEST_PAUSE)


def language_of(user: User | None, otherwise: str = "") -> str:
    """What somebody is written to in: what they chose, else what the pages last spoke, else what this process speaks."""
    chosen = (user.language or user.spoken) if user else otherwise
    return supported(chosen or environment_language(os.environ))


def _send_while(records: Records, notifier: Notifier, channel: AlertChannel | None) -> int:
    sent = 0
    try:
        while (left := send_next(records, notifier, channel)) is not None:
            sent += left
    except PaquebotError as error:
        put_off_all(error, channel)
    return sent


def _hand_over(records: Records, notifier: Notifier, letter: Letter) -> PaquebotError | None:
    """The error of a link that is of no more use; None when the next letter can follow."""
    try:
        message = _message(records, letter)
        if message is None:
            letter.state = WITHDRAWN
            return None
        notifier.send(message)
    except MessageRefusedError as error:
        letter.state, letter.attempts, letter.error = REFUSED, letter.attempts + 1, describe(error)
    except PaquebotError as error:
        _put_off(letter, error)
        return error
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001  # a letter that cannot even be written must not keep the others from leaving
        logger.error("letter %s: it could not be written (%s)", letter.id, type(error).__name__)  # noqa: TRY400
        _put_off(letter, error)
    else:
        letter.state, letter.error, letter.sent_at, letter.address = SENT, None, timezone.now(), message.address
        _gathered(letter).update(state=SENT, error=None, sent_at=letter.sent_at, address=message.address)
    return None


def _put_off(letter: Letter, error: Exception) -> None:
    letter.attempts += 1
    letter.error = describe(error)
    letter.next_at = timezone.now() + pause_after(letter.attempts)


def _message(records: Records, letter: Letter) -> Message | None:
    """What leaves; None when it is not for its reader any more, or is worth nothing by now."""
    if letter.until is not None and letter.until < timezone.now():
        return None
    if letter.user is not None and letter.project_id and not active_in(letter.project_id, [letter.user.id]):
        return None
    address = letter.user.email if letter.user else letter.address
    told = _content(records, letter)
    when = timezone.now() if letter.channel_id else timezone.localtime(letter.created_at)  # a signature tells when it was made
    return Message(address=address, identity=letter.token, sent_at=when, thread=_thread(letter, address), **told)


def _content(records: Records, letter: Letter) -> dict[str, Any]:
    if letter.notice is None:
        return {**json.loads(records.keyring.unseal(letter.sealed).reveal()), "language": letter.language}
    language = language_of(letter.user, letter.language)
    translate = translator(language)
    further = [one.notice for one in _gathered(letter).select_related("notice") if one.notice]
    if further:
        told = compose_digest([letter.notice, *further], language, translate, mail.pages_url())
        return {"subject": told.subject, "text": told.text(translate), "html": told.html(language), "language": language}
    told = compose(letter.notice, language, translate, mail.pages_url(), as_person=letter.user is not None)
    said = {"subject": told.subject, "text": told.text(translate), "html": told.html(language), "language": language}
    return {**said, "facts": _facts(letter.notice)}


def _gathered(letter: Letter) -> QuerySet[Letter]:
    """The further letters that leave in the same message: those of the digest of the same person in the same project."""
    if letter.purpose != DIGEST:
        return Letter.objects.none()
    return due().filter(purpose=DIGEST, user=letter.user, project=letter.project).exclude(id=letter.id)


def _facts(notice: Notice) -> dict[str, Any]:
    """For programs: what happened, by names that stay. Nothing of the data itself."""
    error = notice.facts.get("error") or {}
    plain = {name: value for name, value in notice.facts.items() if name != "error"}
    address = f"{mail.pages_url().rstrip('/')}{path_of(notice)}" if mail.pages_url() else ""
    return {"event": notice.event, "count": notice.count, **plain, "error_code": error.get("code", ""), "link": address}


def _thread(letter: Letter, address: str) -> str | None:
    """What the first letter of the series to the same reader is known by, so that their mail shows them together."""
    if letter.notice is None or letter.notice.series_id is None or letter.channel_id:
        return None
    same_reader = Q(user=letter.user) if letter.user else Q(user=None, address=address)
    first = Letter.objects.filter(same_reader, notice_id=letter.notice.series_id).order_by("id").first()
    return first.token if first else None
