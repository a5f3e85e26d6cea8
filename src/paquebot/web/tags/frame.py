"""What the frame of every page is made of: files by their digest, icons, links that exist, badges of state."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django import template
from django.conf import settings
from django.forms import BoundField
from django.http import QueryDict
from django.template.context import Context
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from paquebot.web.access import may, may_see_data
from paquebot.web.tags.words import state_name, status_name

register = template.Library()

SHAPES = {
    "queued": ("clock", "quiet"),
    "running": ("player-play", "busy"),
    "delivered": ("circle-check", "good"),
    "nothing_to_export": ("check", "quiet"),
    "held": ("player-pause", "warn"),
    "refused": ("x", "bad"),
    "failed": ("alert-triangle", "bad"),
    "cancelling": ("player-play", "busy"),
    "cancelled": ("x", "quiet"),
    "skipped": ("arrow-right", "quiet"),
    "missed": ("alert-triangle", "warn"),
    "done": ("check", "good"),
    "draft": ("pencil", "quiet"),
    "active": ("circle-check", "good"),
    "paused": ("player-pause", "warn"),
}
"""State of a run, a step or an export → its icon and its tone."""


@register.simple_tag
def asset(name: str) -> str:
    """The address of a file of `web/static`, with its digest: another content, another address."""
    return f"{settings.STATIC_URL}{name}?v={_digest(name)}"


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(Path(settings.STATIC_ROOT, *name.split("/")).read_bytes()).hexdigest()[:12]


@register.simple_tag
def icon(name: str, more: str = "") -> SafeString:
    """An icon of the sprite; decoration only, so it is hidden from screen readers."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        more,
        asset("vendor/icons.svg"),
        name,
    )


@register.simple_tag
def place(route: str, *arguments: Any) -> str:
    """The address of a page, empty while no such page exists: whoever links asks first."""
    try:
        return reverse(route, args=arguments)
    except NoReverseMatch:
        return ""


@register.simple_tag
def badge(state: str) -> SafeString:
    """The state of a run, a step or an export: by shape, word and colour."""
    shape, tone = SHAPES.get(state, ("dots", "quiet"))
    named = state_name(state) if state in ("draft", "active", "paused") else status_name(state)
    return mark(tone, shape, named)


@register.simple_tag
def mark(tone: str, shape: str, word: str) -> SafeString:
    """A badge for what is no state of a run: `{% mark "warn" "clock" _("late") %}`; tones as in `SHAPES`."""
    return format_html('<span class="state state-{}">{}<span>{}</span></span>', tone, icon(shape), word)


@register.simple_tag(takes_context=True)
def allowed(context: Context, role: str) -> bool:
    """Whether the person has at least that role in the project: `{% allowed "editor" as may_edit %}`."""
    return may(context["request"], role)


@register.simple_tag(takes_context=True)
def data_shown(context: Context) -> bool:
    """Whether rows and files are shown to the person: `{% data_shown as may_read %}`."""
    return may_see_data(context["request"])


@register.simple_tag(takes_context=True)
def address_with(context: Context, **changes: Any) -> str:
    """This page's address with other parameters; an empty value takes one away, and paging starts anew."""
    parameters: QueryDict = context["request"].GET.copy()
    for passing in ("after", "format"):
        parameters.pop(passing, None)
    for name, value in changes.items():
        parameters.pop(name, None)
        if value not in (None, ""):
            parameters[name] = str(value)
    return f"?{urlencode(list(parameters.items()))}"


@register.simple_tag(takes_context=True)
def chip_address(context: Context, name: str, value: str) -> str:
    """This page's address with the filter `name` set to `value`, or taken away when that is empty."""
    return address_with(context, **{name: value})


@register.simple_tag
def checks_itself() -> SafeString:
    """What a form says to be judged as one leaves a field (`web/checking.py`)."""
    how = 'hx-trigger="change delay:50ms" hx-swap="none" hx-sync="this:replace" hx-disinherit="*"'
    return format_html('hx-post="" {} hx-vals="{}"', SafeString(how), json.dumps({"do": "check"}))


@register.filter
def kind_of_field(field: BoundField) -> str:
    """Which shape of the field component draws it: text, choice, boolean, several or long."""
    widget = type(field.field.widget).__name__
    return {
        "Select": "choice",
        "CheckboxInput": "boolean",
        "CheckboxSelectMultiple": "several",
        "Textarea": "long",
    }.get(widget, "text")


@register.filter
def is_optional(field: BoundField) -> bool:
    """Whether the label says so: a choice always holds something, and what only some choices need is not optional with them."""
    conditional = getattr(field.field, "is_conditional", False)
    return not (field.field.required or conditional) and kind_of_field(field) in ("text", "long")


@register.filter
def drawn(field: BoundField) -> SafeString:
    """The field's control, with the classes and the ties to its help and its error that every field has."""
    base = {"choice": "form-select", "boolean": "form-check-input"}.get(kind_of_field(field), "form-control")
    own = field.field.widget.attrs.get("class", "")
    attributes: dict[str, str | bool] = {"class": " ".join(filter(None, (base, own, "is-invalid" if field.errors else "")))}
    described = [f"{field.auto_id}_{part}" for part, there in (("error", field.errors), ("help", field.help_text)) if there]
    if described:
        attributes["aria-describedby"] = " ".join(described)
    return field.as_widget(attrs=attributes)
