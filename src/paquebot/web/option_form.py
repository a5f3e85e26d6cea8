"""Forms derived from declared options: nobody writes a form by hand.

    form = OptionForm(find("destinations", "sftp").OPTIONS, request.POST or None, stored=server.options, sealed=server.secrets)
    if form.is_valid():
        form.values()       # what was written, as `options.read` takes it; a secret left empty is not among them
        form.kept_secrets   # the stored secrets that stay

Labels, help and choices are the options' own. What was typed is kept after an error, except secrets, which are never shown
again. `place_error` puts an error a service raised beside the field it is about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.forms import BoundField
from django.utils.translation import gettext

from paquebot.credentials import Secret
from paquebot.errors import PaquebotError
from paquebot.language import translatable
from paquebot.options import DefinitionError, Entry, Option, read
from paquebot.web.telling import place_error

CLEAR = translatable("Remove what is stored")
ONE_PER_LINE = translatable("One per line.")
ONE_PAIR_PER_LINE = translatable("One per line, written as name = value.")
KEPT = translatable("Stored, and never shown. Write another to replace it.")
NOT_SET = translatable("(not set)")
RISKY = translatable("{choice} (risky)")
TO_CHOOSE = translatable("Choose…")


class OptionForm(forms.Form):
    """One field per option of `entries`; sections have forms of their own, with their name as `prefix`."""

    def __init__(
        self,
        entries: Sequence[Entry],
        written: Any = None,
        *,
        stored: Mapping[str, Any] | None = None,
        sealed: Mapping[str, Any] | None = None,
        prefix: str | None = None,
    ) -> None:
        self.options = {entry.name: entry for entry in entries if isinstance(entry, Option)}
        self.sealed = frozenset(sealed or ())
        initial = {name: _shown(option, (stored or {}).get(name, option.default)) for name, option in self.options.items()}
        super().__init__(written, initial=initial, prefix=prefix, use_required_attribute=False)
        for name, option in self.options.items():
            self.fields[name] = _field(option, is_kept=name in self.sealed)
            if name in self.sealed and not option.required:
                self.fields[_clearing(name)] = forms.BooleanField(label=gettext(CLEAR), required=False)
            if option.only_with:
                self.fields[name].widget.attrs["data-only-with"] = " ".join(option.only_with)

    def fold(self, names: Sequence[str]) -> None:
        """Puts these fields under “Further settings”, which opens when one of them is wrong."""
        for name in names:
            self.fields[name].__dict__["is_folded"] = True

    @property
    def folded(self) -> list[forms.BoundField]:
        return [field for field in self.visible_fields() if getattr(field.field, "is_folded", False)]

    @property
    def unfolds(self) -> bool:
        return any(field.errors for field in self.folded)

    @property
    def kept_secrets(self) -> frozenset[str]:
        """Stored secrets for which nothing was written, and which are not to be removed."""
        return frozenset(name for name in self.sealed if name in self.options and not self._gives_up(name))

    def shown(self, *, labelled: bool) -> Iterator[BoundField]:
        """The fields of the options with a label of their own, or without; a stored secret that may go has its box after it."""
        for name, option in self.options.items():
            if bool(option.label) == labelled:
                yield from (self[field] for field in (name, _clearing(name)) if field in self.fields)

    def values(self) -> dict[str, Any]:
        """What was written, without what was left empty; secrets are `Secret`."""
        found = {name: _value(option, self.cleaned_data.get(name)) for name, option in self.options.items()}
        return {name: value for name, value in found.items() if value is not None}

    def _gives_up(self, name: str) -> bool:
        return bool(self.cleaned_data.get(name) or self.cleaned_data.get(_clearing(name)))

    def clean(self) -> dict[str, Any]:
        """Every option is read by itself, so that each wrong one is told at once."""
        values = self.values()
        for name, option in self.options.items():
            if name in values and name not in self.errors:
                try:
                    read((option,), {name: values[name]})
                except DefinitionError as error:
                    self.place_error(error)
        return self.cleaned_data

    def place_error(self, error: PaquebotError, field: str | None = None) -> None:
        """Beside the field the error is about (else beside `field`), or on top of the form."""
        place_error(self, error, field)


def _clearing(name: str) -> str:
    return f"{name}-clear"


def _field(option: Option, *, is_kept: bool) -> forms.Field:
    explanation = gettext(option.explanation)
    label, help_text = (gettext(option.label), explanation) if option.label else (explanation.rstrip("."), "")
    if option.risk:
        help_text = f"{help_text} {gettext(option.risk)}".strip()
    if is_kept:
        help_text = f"{help_text} {gettext(KEPT)}"
    if written := _as_lines(option):
        help_text = f"{help_text} {gettext(written)}".strip()
    required = option.required and not is_kept and option.kind != "boolean"
    common: dict[str, Any] = {"label": label, "help_text": help_text, "required": required}
    if option.kind == "boolean":
        return forms.BooleanField(**common)
    if option.kind == "integer":
        return forms.IntegerField(**common, min_value=option.least, max_value=option.most)
    if option.choices:
        return _choice_field(option, common)
    widget = _widget(option)
    if is_kept:
        widget.attrs["placeholder"] = "••••••••"
    return forms.CharField(**common, strip=not option.secret, widget=widget)


def _as_lines(option: Option) -> str:
    """How several values are written in one field, where the explanation does not say so."""
    if option.kind == "list" and not option.choices:
        return ONE_PER_LINE
    return ONE_PAIR_PER_LINE if option.kind == "mapping" and " = " not in option.explanation else ""


def _choice_field(option: Option, common: dict[str, Any]) -> forms.Field:
    choices = _choices(option)
    if option.kind == "list":
        box = forms.CheckboxSelectMultiple(attrs={"class": "form-check-input"})
        return forms.MultipleChoiceField(**common, choices=choices, widget=box)
    if option.default is None:
        choices = [("", gettext(TO_CHOOSE if option.required else NOT_SET)), *choices]
    return forms.ChoiceField(**common, choices=choices)


def _choices(option: Option) -> list[tuple[str, str]]:
    labels = option.choice_labels or option.choices
    return [
        (choice, gettext(RISKY).format(choice=gettext(label)) if choice in option.risky else gettext(label))
        for choice, label in zip(option.choices, labels, strict=True)
    ]


def _widget(option: Option) -> forms.Widget:
    if option.lines or option.kind in ("list", "mapping"):
        return (_SecretLines if option.secret else forms.Textarea)(attrs={"rows": 4, "spellcheck": "false"})
    if option.secret:
        return forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.TextInput(attrs={"autocomplete": "off"})


class _SecretLines(forms.Textarea):
    """A secret of several lines: what was written is never shown again."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, None, attrs)


def _shown(option: Option, value: Any) -> Any:
    """A stored value as its field shows it; the items of a list without choices stand on lines of their own, and so do the
    `key = value` of a mapping."""
    if option.secret:
        return None
    if option.kind == "list" and not option.choices and value is not None:
        return "\n".join(str(item) for item in value)
    if option.kind == "mapping" and value:
        return "\n".join(f"{key} = {item}" for key, item in value.items())
    return list(value) if isinstance(value, tuple) else value


def _value(option: Option, cleaned: Any) -> Any:
    if cleaned in (None, "", []):
        return None
    if option.kind == "list" and not option.choices:
        return [line.strip() for line in str(cleaned).splitlines() if line.strip()] or None
    if option.kind == "mapping":
        pairs = [line.partition("=") for line in str(cleaned).splitlines() if line.strip()]
        return {key.strip(): value.strip() for key, _, value in pairs} or None
    return Secret(str(cleaned)) if option.secret else cleaned
