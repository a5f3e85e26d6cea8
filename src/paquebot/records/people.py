"""Making people, and what they may do in projects."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction
from django.utils import timezone

from paquebot.credentials import Secret
from paquebot.errors import CommandError, Problem
from paquebot.options import nearest
from paquebot.records.alerts.listening import welcome
from paquebot.records.models import Membership, Project, User
from paquebot.records.models.people import ROLES

BAD_EMAIL = Problem("user.bad_email", "“{email}” is not an e-mail address.", "Write it as name@example.org.")
KNOWN_EMAIL = Problem("user.known", "There is already a person with the e-mail {email}.", "People sign in with their e-mail.")
WEAK_PASSWORD = Problem(
    "user.weak_password",
    "This password is too easy to guess.",
    "Take at least 10 characters, not only digits, no common password and not your own name.",
)
UNKNOWN_ROLE = Problem(
    "user.unknown_role", "“{role}” is not something a person can be in a project.", "Did you mean “{nearest}”? Known: {known}."
)
SOMEBODY_IS_HERE = Problem("user.not_first", "This installation already has its first person.", "Sign in.")
BETWEEN_RESETS = timedelta(minutes=5)
BETWEEN_SIGHTS = timedelta(minutes=5)
FIRST_PERSON_LOCK = 0x5041_5156


def add_person(email: str, password: Secret, name: str = "", *, administrator: bool = False) -> User:
    """A new person; the first one of an installation is an administrator. Raises `CommandError`."""
    email = email.strip().lower()
    _check_email(email)
    user = User(email=email, name=name.strip(), is_administrator=administrator or not User.objects.exists())
    _check_password(password, user)
    user.set_password(password.reveal())
    user.save()
    return user


def add_first_person(email: str, password: Secret, name: str) -> User:
    """The owner of a fresh installation. Raises `CommandError` when somebody was faster."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("select pg_advisory_xact_lock(%s)", [FIRST_PERSON_LOCK])
        if User.objects.exists():
            raise CommandError(SOMEBODY_IS_HERE)
        return add_person(email, password, name)


def let_in(user: User, project: Project, role: str) -> Membership:
    """Makes `user` a member of `project`, or changes what they may do there. Raises `CommandError`."""
    check_role(role)
    membership = Membership.objects.update_or_create(project=project, user=user, defaults={"role": role})[0]
    welcome(membership)
    return membership


def check_role(role: str) -> None:
    """Raises `CommandError` naming the nearest."""
    if role not in ROLES:
        raise CommandError(UNKNOWN_ROLE, role=role, nearest=nearest(role, ROLES), known=ROLES)


def note_seen(user: User, language: str) -> None:
    """The person is here, and the pages speak `language` with them; written down every few minutes at most."""
    now = timezone.now()
    if user.seen_at is None or now - user.seen_at > BETWEEN_SIGHTS or user.spoken != language:
        User.objects.filter(pk=user.pk).update(seen_at=now, spoken=language)


def may_ask_reset(user: User) -> bool:
    """Whether a message to choose another password may leave now; if so, notes that it does."""
    now = timezone.now()
    asked = User.objects.filter(pk=user.pk).exclude(reset_asked_at__gt=now - BETWEEN_RESETS)
    return bool(asked.update(reset_asked_at=now))


def _check_email(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        raise CommandError(BAD_EMAIL, email=email) from error
    if User.objects.filter(email=email).exists():
        raise CommandError(KNOWN_EMAIL, email=email)


def _check_password(password: Secret, user: User) -> None:
    try:
        validate_password(password.reveal(), user)
    except ValidationError as error:
        raise CommandError(WEAK_PASSWORD) from error
