"""Who listens to an export, and what still reaches them.

A person listens for as long as they belong to the project and are active; whoever is deactivated shows at once on every export
that relied on them. An address that stands for nobody who signs in is written to, and counts for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q, QuerySet

from paquebot.alerts import (
    ADDRESS,
    CHANNEL,
    EVENTS,
    FAILED,
    HEARTBEAT,
    PERSON,
    RECOVERED,
    AlertChoice,
    Subscriber,
    check_address,
    merged,
    written,
)
from paquebot.errors import CommandError, Problem
from paquebot.options import DefinitionError
from paquebot.records.models import AlertChannel, Export, Letter, Membership, Project, Subscription, User
from paquebot.records.models.alerts import REFUSED, SENT

ADVISED = 2
"""Fewer active people than this who hear of a failure is one holiday away from nobody."""

NO_EVENT = Problem("alerts.no_event", "No event is chosen.", "Choose at least one, or remove the line.")
LISTENS_ALREADY = Problem(
    "alerts.listens_already", "{listener} listens to this export already.", "Change what they hear on their own line."
)
NOT_A_MEMBER = Problem(
    "alerts.not_a_member",
    "This person is not in the project, or is deactivated.",
    "Choose one of the list, or invite them first.",
)
GONE = Problem("alerts.gone", "This line is no longer there.", "Somebody removed it meanwhile.")


@dataclass(frozen=True, slots=True)
class Ear:
    """A subscription, and whether what is told reaches somebody. `bounces`: the mail server refuses what is sent there."""

    subscription: Subscription
    reaches: bool
    is_person: bool
    bounces: bool = False

    @property
    def name(self) -> str:
        listener = self.subscription.user or self.subscription.channel
        return str(listener) if listener else self.subscription.address

    @property
    def address(self) -> str:
        user = self.subscription.user
        return user.email if user else self.subscription.address

    def hears(self, event: str) -> bool:
        if self.is_heartbeat:
            return event != RECOVERED
        return event in self.subscription.events

    @property
    def channel(self) -> AlertChannel | None:
        return self.subscription.channel

    @property
    def is_heartbeat(self) -> bool:
        """It is pinged for every start and every end, whatever was chosen."""
        return self.channel is not None and self.channel.kind == HEARTBEAT


def ears(export: Export) -> list[Ear]:
    """Everybody who listens, or was meant to, in the order they came."""
    return ears_of(export.project_id, Subscription.objects.filter(export=export))


def ears_of(project_id: int, chosen: QuerySet[Subscription]) -> list[Ear]:
    """Those of `chosen`, which are of that project, in their order; the database is asked the same however many they are."""
    rows = list(chosen.select_related("user", "channel"))
    inside = active_in(project_id, [row.user_id for row in rows if row.user_id])
    refused = bouncing([row.user.email if row.user else row.address for row in rows if row.channel_id is None])
    return [_ear(row, inside, refused) for row in rows]


def _ear(row: Subscription, inside: set[int], refused: set[str]) -> Ear:
    bounces = row.channel_id is None and (row.user.email if row.user else row.address) in refused
    return Ear(row, row.user_id is None or row.user_id in inside, row.user_id is not None, bounces)


def bouncing(addresses: Iterable[str]) -> set[str]:
    """Those of `addresses` whose server refused the last message to them, and takes none since."""
    chosen = {address for address in addresses if address}
    if not chosen:
        return set()
    last: dict[str, str] = {}
    ever = set(Letter.objects.filter(channel=None, state=REFUSED, address__in=chosen).values_list("address", flat=True))
    named = Letter.objects.filter(channel=None, state__in=(SENT, REFUSED), address__in=ever) if ever else Letter.objects.none()
    for address, state in named.order_by("id").values_list("address", "state"):
        last[address] = state
    return {address for address, state in last.items() if state == REFUSED}


def active_in(project_id: int, users: Iterable[int] | None = None) -> set[int]:
    """The people who belong to the project and are active, by id; among `users` when given."""
    member = Q(memberships__project_id=project_id, memberships__is_active=True)
    found = User.objects.filter(member | Q(is_administrator=True), is_active=True)
    if users is not None:
        found = found.filter(id__in=list(users))
    return set(found.values_list("id", flat=True))


def people_of(project: Project) -> list[User]:
    """Who may be chosen as a listener."""
    return list(User.objects.filter(id__in=active_in(project.id)).order_by("name", "email"))


def heard_by(export: Export, event: str = FAILED) -> int:
    """How many active people hear of `event`."""
    return sum(1 for ear in ears(export) if ear.is_person and ear.reaches and not ear.bounces and ear.hears(event))


def reliance(project: Project, user: User) -> list[Export]:
    """The exports whose alerts rely on `user`."""
    return list(Export.objects.filter(project=project, subscriptions__user=user).order_by("name"))


def left_short(project: Project, user: User) -> set[int]:
    """Of these exports, by id: those that would be left with nobody who hears of a failure."""
    inside = active_in(project.id) - {user.id}
    rows = Subscription.objects.filter(export__project=project, user__in=inside).values_list("export_id", "events")
    heard = {export for export, events in rows if FAILED in events}
    return {export.id for export in reliance(project, user)} - heard


def add_person(export: Export, user: User, events: Sequence[str]) -> Subscription:
    """`user` listens from now on. Raises `CommandError`."""
    if user.id not in active_in(export.project_id, [user.id]):
        raise CommandError(NOT_A_MEMBER)
    row, made = Subscription.objects.get_or_create(export=export, user=user, defaults={"events": _known(events)})
    if not made:
        raise CommandError(LISTENS_ALREADY, listener=str(user))
    return row


def add_address(export: Export, address: str, events: Sequence[str], language: str) -> Subscription:
    """An address is written to from now on; somebody of the project who signs in with it listens as a person.

    Raises `CommandError`.
    """
    address = check_address(address, ("address",))
    person = User.objects.filter(email=address, id__in=active_in(export.project_id)).first()
    if person is not None:
        return add_person(export, person, events)
    values = {"events": _known(events), "language": language}
    row, made = Subscription.objects.get_or_create(export=export, user=None, address=address, defaults=values)
    if not made:
        raise CommandError(LISTENS_ALREADY, listener=address)
    return row


def add_channel(export: Export, channel: AlertChannel, events: Sequence[str]) -> Subscription:
    """The channel is told from now on. Raises `CommandError`."""
    values = {"events": _known(events)}
    row, made = Subscription.objects.get_or_create(export=export, channel=channel, user=None, address="", defaults=values)
    if not made:
        raise CommandError(LISTENS_ALREADY, listener=channel.name)
    return row


def change(export: Export, subscription_id: int, events: Sequence[str]) -> None:
    """What the listener hears from now on. Raises `CommandError`."""
    if not Subscription.objects.filter(export=export, id=subscription_id).update(events=_known(events)):
        raise CommandError(GONE)


def remove(export: Export, subscription_id: int) -> None:
    """The listener hears nothing any more; nothing happens when they are gone already."""
    Subscription.objects.filter(export=export, id=subscription_id).delete()


@transaction.atomic
def replace(export: Export, choices: Iterable[AlertChoice]) -> bool:
    """Makes the listeners exactly those of `choices`; whether anything was different."""
    wanted = merged(choices)
    if {(one.address, one.kind): one.events for one in wanted} == {
        (one.address, one.kind): one.events for one in listeners(export)
    }:
        return False
    Subscription.objects.filter(export=export).delete()
    people = {user.email: user for user in User.objects.filter(email__in=[one.address for one in wanted if one.kind == PERSON])}
    channels = {channel.name: channel for channel in AlertChannel.objects.filter(project=export.project)}
    for one in wanted:
        user = people.get(one.address) if one.kind == PERSON else None
        channel = channels.get(one.address) if one.kind == CHANNEL else None
        Subscription.objects.get_or_create(
            export=export,
            user=user,
            channel=channel,
            address="" if user or channel else one.address,
            defaults={"events": list(one.events), "awaits_person": one.kind == PERSON and user is None},
        )
    return True


def listen_alike(original: Export, copy: Export) -> None:
    """Whoever listens to `original` listens to `copy` too."""
    rows = list(Subscription.objects.filter(export=original))
    for row in rows:
        row.pk, row.export = None, copy
    Subscription.objects.bulk_create(rows)


def listeners(export: Export) -> list[Subscriber]:
    """The listeners as data."""
    rows = Subscription.objects.filter(export=export).select_related("user", "channel")
    return [Subscriber(*_named(row), tuple(event for event in EVENTS if event in row.events)) for row in rows]


def _named(row: Subscription) -> tuple[str, str]:
    """The name a listener goes by, and the key of a project file it stands under."""
    if row.channel:
        return row.channel.name, CHANNEL
    return (row.user.email if row.user else row.address), PERSON if row.user or row.awaits_person else ADDRESS


def alerts_document(export: Export) -> list[dict[str, object]]:
    """The listeners as a project file names them."""
    return written(listeners(export))


def welcome(membership: Membership) -> None:
    """Somebody came into a project: where their address was written as that of a person, they listen as one."""
    user = membership.user
    for row in Subscription.objects.filter(
        export__project_id=membership.project_id, user=None, address=user.email, awaits_person=True
    ):
        if Subscription.objects.filter(export_id=row.export_id, user=user).exists():
            row.delete()
            continue
        row.user, row.address, row.awaits_person = user, "", False
        row.save()


def counts(exports: Sequence[Export]) -> Mapping[int, int]:
    """By export: how many active people hear of a failure."""
    if not exports:
        return {}
    inside = active_in(exports[0].project_id)
    rows = Subscription.objects.filter(export__in=exports, user__in=inside).values_list("export_id", "events")
    found = dict.fromkeys((export.id for export in exports), 0)
    for export_id, events in rows:
        found[export_id] += FAILED in events
    return found


def _known(events: Sequence[str]) -> list[str]:
    chosen = [event for event in EVENTS if event in events]
    if not chosen:
        raise DefinitionError(NO_EVENT, ("events",))
    return chosen
