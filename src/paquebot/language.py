"""The person's language: one gettext catalogue per language, read without Django so that every door speaks from the same one.

English is the language of the sources and needs no catalogue. A text that has no translation comes back as it is.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "fr")
DOMAIN = "django"
LOCALE_FOLDER = Path(__file__).with_name("locale")

_VARIABLES = ("PAQUEBOT_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")

Translate = Callable[[str], str]
"""Turns an English template into the person's language; its `{fields}` are filled afterwards."""


def translator(language: str | None = None) -> Translate:
    """The translation into `language` (`fr`, `fr_CA.UTF-8`); without one, into what the environment asks for."""
    return _catalogue(supported(language or environment_language(os.environ)))


def environment_language(environment: Mapping[str, str]) -> str:
    """What the first variable that is set asks for: `PAQUEBOT_LANGUAGE`, then the locale's as POSIX orders them."""
    return next((environment[name] for name in _VARIABLES if environment.get(name)), "en")


def supported(language: str) -> str:
    """The language of `LANGUAGES` that `language` names, whatever its country and encoding; English when it is none of them."""
    name = language.replace("-", "_").partition(".")[0].partition("_")[0].lower()
    return name if name in LANGUAGES else "en"


def translatable(text: str) -> str:
    """Marks a text for the catalogue where it stands, to be translated where it is shown."""
    return text


def language_of(translate: Translate) -> str:
    """The language `translate` speaks: each catalogue says its own."""
    return translate(translatable("en"))


@cache
def _catalogue(language: str) -> Translate:
    if language == "en":
        return translatable
    translate = gettext.translation(DOMAIN, LOCALE_FOLDER, [language], fallback=True).gettext
    # The empty text is the key of a catalogue's header.
    return lambda text: translate(text) if text else text
