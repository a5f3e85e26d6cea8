"""Words, numbers, sizes and times in the person's language.

`{% say "Delivered to {server}" server=… %}` is the one way a template speaks: an English text of the catalogue whose fields are
filled (and escaped) afterwards. `{% counted n one="{n} run" many="{n} runs" %}` chooses by number.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_timedelta
from babel.numbers import format_decimal
from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from paquebot.errors import render
from paquebot.language import supported, translatable
from paquebot.records import figures, words
from paquebot.records.change_words import change_words, cursor_words
from paquebot.schedule import Schedule

register = template.Library()


def language() -> str:
    """`en` or `fr`: what the page speaks."""
    return supported(get_language() or "en")


def french() -> bool:
    return language() == "fr"


@register.simple_tag
def say(text: str, **values: Any) -> SafeString:
    """The text in the person's language."""
    return format_html(gettext(text) if text else "", **values) if values else SafeString(gettext(text) if text else "")


@register.simple_tag
def counted(count: int, *, one: str, many: str, **values: Any) -> SafeString:
    """`one` or `many` as the language counts; `{n}` is the number, set in figures."""
    singular = abs(count) < 2 if french() else abs(count) == 1
    return format_html(gettext(one if singular else many), n=number(count), **values)


@register.filter
def number(value: float | None) -> str:
    """`1,234` or `1 234`; nothing for None."""
    return "" if value is None else figures.number(value, language())


@register.filter
def size(value: int | None) -> str:
    """`1.2 MB` or `1,2 Mo`: powers of a thousand, three digits that count; nothing for None."""
    if value is None:
        return ""
    return figures.size(value, language(), gettext)


@register.filter
def lasted(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `4 min 05 s`, `1 h 12`; nothing for None."""
    if seconds is None:
        return ""
    if 0 < seconds < 0.05:
        return f"<\u00a0{format_decimal(0.1, locale=language())}\u00a0s"
    if seconds < 10:
        return f"{format_decimal(seconds, format='0.0', locale=language())}\u00a0s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}\u00a0s"
    if whole < 3600:
        return f"{whole // 60}\u00a0min\u00a0{whole % 60:02}\u00a0s"
    return f"{whole // 3600}\u00a0h\u00a0{whole % 3600 // 60:02}"


@register.filter
def clock(moment: datetime | None) -> str:
    """`06:30` or `6 h 30`, on the clock of the project, as schedules are told."""
    if moment is None:
        return ""
    return _clock_words(timezone.localtime(moment))


def _clock_words(local: datetime) -> str:
    return figures.clock(local, language())


@register.filter
def hour(number: int) -> str:
    """An hour of the day, as schedules are told: `06:00` or `6 h`."""
    return f"{number}\u00a0h" if french() else f"{number:02}:00"


@register.filter
def day(moment: date | None) -> str:
    """`Tue, Nov 24, 2026` or `mar. 24 nov. 2026`; of an instant, the project's day."""
    if moment is None:
        return ""
    local = timezone.localdate(moment) if isinstance(moment, datetime) else moment
    return format_date(local, "EEE d MMM y" if french() else "EEE, MMM d, y", locale=language())


@register.filter
def exactly(moment: datetime | None) -> str:
    """Day, clock and zone: what stands behind a relative time."""
    if moment is None:
        return ""
    local = timezone.localtime(moment)
    at = translatable("{day} at {clock} ({zone})")
    return gettext(at).format(day=figures.long_day(local.date(), language()), clock=clock(moment), zone=_zone_name(local))


@register.filter
def when(moment: datetime | None) -> SafeString | str:
    """How long ago, or how soon, and beyond six days the day; the exact time is shown on hover."""
    if moment is None:
        return ""
    distance = moment - timezone.now()
    far = abs(distance) > timedelta(days=6)
    told = day(moment) if far else format_timedelta(distance, add_direction=True, locale=language())
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exactly(moment), told)


@register.filter
def at(moment: datetime | None) -> SafeString | str:
    """The day and the clock, for lists where the hour matters more than the distance."""
    if moment is None:
        return ""
    template = '<time datetime="{}" title="{}">{}, {}</time>'
    return format_html(template, moment.isoformat(), exactly(moment), near_day(moment), clock(moment))


@register.filter
def on_its_clock(moment: datetime) -> SafeString:
    """The whole day and the clock of a moment that is already on the clock it is to be told on."""
    day_words = figures.long_day(moment.date(), language())
    return format_html('<time datetime="{}">{}, {}</time>', moment.isoformat(), day_words, _clock_words(moment))


@register.filter
def in_utc(moment: datetime) -> str:
    """`2026-11-24 11:30`: for those who compare clocks, the same in every language."""
    return f"{moment:%Y-%m-%d %H:%M}"


@register.filter
def near_day(moment: datetime) -> str:
    """Today, tomorrow, yesterday, or the day."""
    distance = (timezone.localdate(moment) - timezone.localdate()).days
    near = {0: translatable("Today"), 1: translatable("Tomorrow"), -1: translatable("Yesterday")}
    return gettext(near[distance]) if distance in near else day(moment)


@register.filter
def schedule_words(specification: dict[str, Any] | None) -> str:
    """A schedule as written in an export's definition, as a person would say it."""
    return Schedule.from_document(specification).words(gettext) if specification else ""


@register.filter
def told(error: dict[str, Any], part: str) -> str:
    """The `message` or the `hint` of an error that history keeps."""
    return render(error, gettext)[part]


@register.filter
def told_whole(error: dict[str, Any]) -> str:
    """The message and the hint; with the place, unless that is empty."""
    if not error["parameters"].get("where", True):
        return told_beside(error)
    rendered = render(error, gettext)
    return f"{rendered['message']} {rendered['hint']}"


@register.filter
def told_beside(error: dict[str, Any]) -> str:
    """The message and the hint without the place, for whoever is looking at the place."""
    rendered = render({**error, "parameters": {**error["parameters"], "where": ""}}, gettext)
    message = rendered["message"]
    if error["message"].startswith("{where}"):
        message = message.lstrip(" \u00a0\u202f:")
        message = f"{message[:1].upper()}{message[1:]}"
    return f"{message} {rendered['hint']}"


@register.filter
def changes_told(changes: dict[str, Any]) -> str:
    """What a run's file of changes holds."""
    return change_words(changes, gettext)


@register.filter
def cursor_told(changes: dict[str, Any]) -> str:
    return cursor_words(changes, gettext)


@register.filter
def status_name(status: str) -> str:
    return words.status_name(status, gettext)


@register.filter
def step_name(step: str) -> str:
    return words.step_name(step, gettext)


@register.filter
def level_name(level: str) -> str:
    return words.level_name(level, gettext)


@register.filter
def level_sentence(level: str) -> str:
    return words.level_sentence(level, gettext)


@register.filter
def act_words(act: str) -> str:
    return words.act_words(act, gettext)


@register.filter
def rounded(value: float) -> str:
    """A rate: no more digits than it deserves."""
    return number(round(value) if value < 1000 else round(value, -2))


@register.filter
def trigger_name(trigger: str) -> str:
    return words.trigger_name(trigger, gettext)


@register.filter
def state_name(state: str) -> str:
    return words.state_name(state, gettext)


@register.filter
def role_name(role: str) -> str:
    return words.role_name(role, gettext)


@register.filter
def breakable(name: str) -> SafeString:
    """A file name that may be broken after its dots, dashes and underscores, and nowhere else while there is room."""
    return format_html_join(SafeString("<wbr>"), "{}", ((piece,) for piece in re.split(r"(?<=[._-])", name)))


@register.filter
def kind_name(kind: str) -> str:
    """What a column holds, as people call it."""
    return words.kind_name(kind, gettext)


@register.filter
def column_type(type_word: str) -> str:
    """What a delivered column holds, however precise its numbers are."""
    base = type_word.partition("(")[0]
    return words.kind_name("decimal" if base == "number" else base, gettext)


@register.filter
def import_mode(mode: str) -> str:
    return words.import_mode(mode, gettext)


@register.filter
def destination_kind(kind: str) -> str:
    return words.destination_kind(kind, gettext)


@register.filter
def test_step(step: str) -> str:
    return words.test_step(step, gettext)


@register.filter
def in_fours(fingerprint: str) -> str:
    """A fingerprint in groups, so that two people can compare it aloud."""
    return " ".join(fingerprint[start : start + 4] for start in range(0, len(fingerprint), 4))


@register.filter
def plain_number(value: float) -> str:
    """A number as SVG reads it, whatever the language."""
    return f"{value:g}"


def _zone_name(local: datetime) -> str:
    return local.tzinfo.key if isinstance(local.tzinfo, ZoneInfo) else str(local.tzname())
