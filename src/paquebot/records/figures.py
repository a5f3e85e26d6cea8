"""Numbers, sizes, days and clocks as English and French write them, for whoever writes to a person: pages and messages."""

from __future__ import annotations

from datetime import date, datetime

from babel.dates import format_date
from babel.numbers import format_decimal

from paquebot.language import Translate, translatable

SIZES = (translatable("{size} B"), translatable("{size} kB"), translatable("{size} MB"), translatable("{size} GB"))


def number(value: float, language: str) -> str:
    """`1,234` or `1 234`."""
    return str(format_decimal(value, locale=language))


def size(value: int, language: str, translate: Translate) -> str:
    """`1.2 MB` or `1,2 Mo`: powers of a thousand, three digits that count."""
    scaled, rank = float(value), 0
    while scaled >= 999.5 and rank < len(SIZES) - 1:
        scaled, rank = scaled / 1000, rank + 1
    figures = format_decimal(scaled, format="#,##0.#" if scaled < 100 and rank else "#,##0", locale=language)
    return translate(SIZES[rank]).format(size=figures)


def clock(local: datetime, language: str) -> str:
    """`06:30` or `6 h 30`, as schedules are told."""
    if language == "fr":
        return f"{local.hour}\u00a0h\u00a0{local.minute:02}" if local.minute else f"{local.hour}\u00a0h"
    return f"{local.hour:02}:{local.minute:02}"


def long_day(day: date, language: str) -> str:
    """`Tuesday, November 24, 2026` or `mardi 24 novembre 2026`."""
    return str(format_date(day, "full", locale=language))


def ordinal(count: int, language: str) -> str:
    """`3rd` or `3ᵉ`."""
    if language == "fr":
        return f"{count}ᵉ" if count > 1 else "1ʳᵉ"
    ending = "th" if 10 < count % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(count % 10, "th")
    return f"{count}{ending}"
