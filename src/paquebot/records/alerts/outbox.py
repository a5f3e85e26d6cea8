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
from paquebot.records.alerts import mail
from paquebot.records.alerts.letters import Told, compose
from paquebot.records.alerts.listening import active_in
from paquebot.records.connection import Records
from paquebot.records.models import Letter, Project, User
from paquebot.records.models.alerts import REFUSED, SENT, WAITING, WITHDRAWN
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
    """Hands over what is due, over one connection; returns how many letters left. Never raises for a mail server's sake."""
    with transaction.atomic():  # what another sender holds is no reason to ring at the mail server's door
        if due().select_for_update(skip_locked=True, of=("self",)).first() is None:
            return 0
    notifier = mail.notifier(records)
    if notifier is None:
        return 0
    try:
        notifier.__enter__()
    except PaquebotError as error:
        put_off_all(error)
        return 0
    try:
        return _send_while(records, notifier)
    finally:
        notifier.__exit__(None, None, None)


def due(now: datetime | None = None) -> QuerySet[Letter]:
    """What should leave now, the longest waiting first."""
    return Letter.objects.filter(state=WAITING, next_at__lte=now or timezone.now()).order_by("next_at", "id")


def send_next(records: Records, notifier: Notifier) -> bool | None:
    """Hands the next due letter over: whether it left, or None when nothing is due. Holds its row meanwhile.

    Raises the `PaquebotError` of a link that is of no use any more, after having put the letter off.
    """
    with transaction.atomic():
        letter = due().select_for_update(skip_locked=True, of=("self",)).select_related("notice", "user", "project").first()
        if letter is None:
            return None
        lost = _hand_over(records, notifier, letter)
        letter.save()
    if lost is not None:
        raise lost
    return letter.state == SENT


def put_off_all(error: PaquebotError) -> None:
    """Nobody could be reached: everything that is due waits, and says why."""
    with transaction.atomic():
        waiting = list(due().select_for_update(skip_locked=True, of=("self",))[:AT_A_TIME])
        for letter in waiting:
            _put_off(letter, error)
        Letter.objects.bulk_update(waiting, ["attempts", "error", "next_at"])


def kept_in(project: Project | None, *, everywhere: bool = False) -> QuerySet[Letter]:
    """Letters that did not leave: waiting after a failure or for want of a server, or refused. The newest first."""
    chosen = Letter.objects.filter(state__in=(WAITING, REFUSED)).select_related("notice", "user", "project").order_by("-id")
    return chosen if everywhere else chosen.filter(project=project)


def stuck_in(project: Project | None, *, everywhere: bool = False) -> QuerySet[Letter]:
    """Of these, those somebody should know of: they were tried in vain, were refused, or have no server to go to."""
    chosen = kept_in(project, everywhere=everywhere)
    return chosen if mail.channel() is None else chosen.filter(Q(state=REFUSED) | Q(attempts__gt=0))


def retry_now(chosen: QuerySet[Letter]) -> int:
    """What waits or was refused is tried again at once."""
    return chosen.update(state=WAITING, next_at=timezone.now())


def withdraw(chosen: QuerySet[Letter]) -> int:
    """What waits or was refused is not sent any more."""
    return chosen.update(state=WITHDRAWN)


def last_sent(project: Project | None, *, everywhere: bool = False) -> Sequence[Letter]:
    """The last letters that left."""
    chosen = Letter.objects.filter(state=SENT).select_related("notice", "user").order_by("-sent_at")
    return list((chosen if everywhere else chosen.filter(project=project))[:10])


def pause_after(attempts: int) -> timedelta:
    """How long a letter waits after so many attempts: half a minute, then twice as long each time, half an hour at most."""
    doubled: timedelta = FIRST_PAUSE * 2 ** min(attempts - 1, 10)
    return min(doubled, LONGEST_PAUSE)


def language_of(user: User | None, otherwise: str = "") -> str:
    """What somebody is written to in: what they chose, else what the pages last spoke, else what this process speaks."""
    chosen = (user.language or user.spoken) if user else otherwise
    return supported(chosen or environment_language(os.environ))


def _send_while(records: Records, notifier: Notifier) -> int:
    sent = 0
    try:
        while (left := send_next(records, notifier)) is not None:
            sent += left
    except PaquebotError as error:
        put_off_all(error)
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
    when = timezone.localtime(letter.created_at)
    return Message(address=address, identity=letter.token, sent_at=when, thread=_thread(letter, address), **told)


def _content(records: Records, letter: Letter) -> dict[str, Any]:
    if letter.notice is None:
        return {**json.loads(records.keyring.unseal(letter.sealed).reveal()), "language": letter.language}
    language = language_of(letter.user, letter.language)
    translate = translator(language)
    told = compose(letter.notice, language, translate, mail.pages_url(), as_person=letter.user is not None)
    return {"subject": told.subject, "text": told.text(translate), "html": told.html(language), "language": language}


def _thread(letter: Letter, address: str) -> str | None:
    """What the first letter of the series to the same reader is known by, so that their mail shows them together."""
    if letter.notice is None or letter.notice.series_id is None:
        return None
    same_reader = Q(user=letter.user) if letter.user else Q(user=None, address=address)
    first = Letter.objects.filter(same_reader, notice_id=letter.notice.series_id).order_by("id").first()
    return first.token if first else None
