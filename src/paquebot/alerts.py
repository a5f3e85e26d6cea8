"""Who is told of what, as data: the events of an export people can listen to, and how a project file names the listeners.

`ALERTS` is the section of an export's YAML. `merged` gives each listener once, with every event they asked for; `written`
gives the shortest list that says the same, so that what is written, read and written again does not move.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from paquebot.errors import Problem
from paquebot.language import translatable
from paquebot.options import DefinitionError, Option, Path, Section

DELIVERED, FAILED, NOTHING_TO_EXPORT = "delivered", "failed", "nothing_to_export"
HELD, LATE, RECOVERED = "held", "late", "recovered"
STARTED = "started"
"""Told to heartbeats alone."""
CHANNEL_KINDS = ("webhook", "slack", "teams", "discord", "mattermost", "google_chat", "heartbeat")
HEARTBEAT = "heartbeat"
PERSON, ADDRESS, CHANNEL = "to", "addresses", "channels"
"""What a listener is: the key of an export's alerts it stands under."""
EVENT_WORDS = {
    FAILED: translatable("It failed"),
    LATE: translatable("It is late, or was missed"),
    HELD: translatable("It is held and waits for somebody"),
    RECOVERED: translatable("It is back to normal"),
    NOTHING_TO_EXPORT: translatable("There was nothing to export"),
    DELIVERED: translatable("It was delivered"),
}
SERVER_FAILED, SERVER_BACK = "canary_failed", "canary_back"
KEY_EXPIRES, LISTENER_LOST = "key_expires", "listener_lost"
"""Of a destination or a project, not of an export: whoever looks after the project, or relies on it, is told without asking."""
EVENTS = tuple(EVENT_WORDS)
"""In the order they are offered."""
USUAL_EVENTS = (FAILED, LATE, HELD, RECOVERED)
"""What somebody hears who asks for nothing in particular: all that needs a person, and its end."""

BAD_ADDRESS = Problem(
    "alerts.bad_address", "{where}: “{value}” is not an e-mail address.", "Write it as name@example.org, one for each reader."
)
NOBODY = Problem(
    "alerts.nobody",
    "{where}: these events are told to nobody.",
    "Name people under “to”, by the address they sign in with, other addresses under “addresses”, channels under “channels”.",
)
_ADDRESS = re.compile(r"[^@\s<>,;:\"\\()]+@[^@\s<>,;:\"\\()]+")


@dataclass(frozen=True, slots=True)
class AlertChoice:
    """These events are told to these people (`to`, by the address they sign in with), other `addresses` and `channels`."""

    on: tuple[str, ...]
    to: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One listener and all they listen to: a `PERSON`, an `ADDRESS` that stands for nobody who signs in, or a `CHANNEL`."""

    address: str
    kind: str
    events: tuple[str, ...]


def check_address(value: str, path: Path = ()) -> str:
    """The address in lower case. Raises `DefinitionError` when it is none."""
    address = value.strip().lower()
    if not _ADDRESS.fullmatch(address) or len(address) > 254:
        raise DefinitionError(BAD_ADDRESS, path, value=value)
    return address


def _check_addresses(values: list[str], path: Path) -> None:
    for position, value in enumerate(values):
        check_address(value, (*path, position))


def _check_somebody(values: Mapping[str, Any], path: Path) -> None:
    if not any(values[kind] for kind in (PERSON, ADDRESS, CHANNEL)):
        raise DefinitionError(NOBODY, path)


ALERTS = Section(
    "alerts",
    "Who is told of what.",
    (
        Option(
            "on",
            "The events that are told.",
            label="Events",
            kind="list",
            required=True,
            alone=True,
            choices=EVENTS,
            choice_labels=tuple(EVENT_WORDS.values()),
        ),
        Option(
            "to",
            "The people who are told, by the address they sign in with.",
            label="People",
            kind="list",
            alone=True,
            default=(),
            check=_check_addresses,
        ),
        Option(
            "addresses",
            "Other addresses that are told; they do not count as people.",
            label="Addresses",
            kind="list",
            alone=True,
            default=(),
            check=_check_addresses,
        ),
        Option("channels", "The channels of the project that are told.", label="Channels", kind="list", alone=True, default=()),
    ),
    many=True,
    told_when_absent=True,
    check=_check_somebody,
)


REMIND_HOURS = Option(
    "remind_hours",
    "While it stays failed, held or late, whoever listens for that is told again every so many hours; without it, once.",
    label="Remind every (hours)",
    kind="integer",
    least=1,
    most=720,
)


def alerts_from_values(values: Iterable[Mapping[str, Any]] | None) -> tuple[AlertChoice, ...] | None:
    """What `read` returned for `ALERTS`; None when the export says nothing of alerts."""
    if values is None:
        return None
    return tuple(
        AlertChoice(
            tuple(event for event in EVENTS if event in one["on"]),
            tuple(check_address(address) for address in one["to"]),
            tuple(check_address(address) for address in one["addresses"]),
            tuple(one["channels"]),
        )
        for one in values
    )


def merged(choices: Iterable[AlertChoice]) -> list[Subscriber]:
    """Each listener once, with every event any choice names for them, in the order they appear."""
    asked: dict[tuple[str, str], set[str]] = {}
    for choice in choices:
        for kind in (PERSON, ADDRESS, CHANNEL):
            for address in getattr(choice, kind):
                asked.setdefault((address, kind), set()).update(choice.on)
    return [
        Subscriber(address, kind, tuple(event for event in EVENTS if event in events))
        for (address, kind), events in asked.items()
    ]


def written(listeners: Iterable[Subscriber]) -> list[dict[str, Any]]:
    """The listeners as a project file names them: those who hear the same together, in the order of their addresses."""
    alike: dict[tuple[str, ...], list[Subscriber]] = {}
    for listener in sorted(listeners, key=lambda one: one.address):
        alike.setdefault(listener.events, []).append(listener)
    return [_written(events, group) for events, group in sorted(alike.items(), key=lambda one: _rank(one[0])) if events]


def written_choices(choices: Iterable[AlertChoice]) -> list[dict[str, Any]]:
    """The choices as plain data, as they were written."""
    return [
        {key: list(value) for key in ("on", PERSON, ADDRESS, CHANNEL) if (value := getattr(choice, key))} for choice in choices
    ]


def _written(events: tuple[str, ...], group: list[Subscriber]) -> dict[str, Any]:
    by_kind = {kind: [one.address for one in group if one.kind == kind] for kind in (PERSON, ADDRESS, CHANNEL)}
    return {"on": list(events), **{kind: named for kind, named in by_kind.items() if named}}


def _rank(events: tuple[str, ...]) -> list[int]:
    return [EVENTS.index(event) for event in events]
