"""Public holidays and weekends of countries and their regions, as the `holidays` library knows them.

A calendar is named by a country (`FR`) or by a country and a region of it (`CA-QC`), with the codes of ISO 3166. Without one,
weekends are Saturday and Sunday and there are no holidays.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache, lru_cache
from typing import Any

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Path, nearest

SATURDAY_AND_SUNDAY = frozenset((5, 6))
UNKNOWN_CALENDAR = Problem(
    "schedule.unknown_calendar",
    "{where}: there is no calendar of public holidays “{value}”.",
    "Did you mean “{nearest}”? Write a country, such as FR, or a country and its region, such as CA-QC.",
)


def check_calendar(code: str, path: Path) -> None:
    """Raises `DefinitionError` naming the nearest calendar when `code` is none."""
    country, _, region = code.partition("-")
    if country not in _countries():
        raise DefinitionError(UNKNOWN_CALENDAR, path, value=code, nearest=nearest(code, sorted(_countries())))
    if region and region not in regions_of(country):
        known = [f"{country}-{name}" for name in regions_of(country)] or [country]
        raise DefinitionError(UNKNOWN_CALENDAR, path, value=code, nearest=nearest(code, known))


def holiday_on(code: str | None, day: date, language: str = "en") -> str | None:
    """What the holiday is called in `language` (in the country's own where it is not known), or None."""
    return _year(code, day.year, language).get(day) if code else None


def is_weekend(code: str | None, day: date) -> bool:
    """Whether the working week of the calendar leaves out `day`."""
    return day.weekday() in (_weekend(code) if code else SATURDAY_AND_SUNDAY)


def calendars(first: Iterable[str] = ("CA", "FR")) -> list[str]:
    """The calendars a form offers: the countries of `first` with their regions, then every other country."""
    led = [code for country in first for code in (country, *(f"{country}-{region}" for region in regions_of(country)))]
    return [*led, *(country for country in sorted(_countries()) if country not in led)]


def calendar_name(code: str, language: str) -> str:
    """`Canada`, `Quebec (Canada)`, `Allemagne`: the place as people call it."""
    from babel import Locale

    country, _, region = code.partition("-")
    named = str(Locale(language).territories.get(country, country))
    return f"{_region_name(country, region, language)} ({named})" if region else named


@cache
def regions_of(country: str) -> tuple[str, ...]:
    """The codes of the regions that have holidays of their own."""
    return tuple(getattr(_class_of(country), "subdivisions", ()))


def _region_name(country: str, region: str, language: str) -> str:
    names: Mapping[str, str] = getattr(_class_of(country), "subdivisions_aliases", {})
    called = [name for name, code in names.items() if code == region]
    # Where there are two, the library gives the English one first and the French one second.
    return (called[-1] if language == "fr" else called[0]) if called else region


@lru_cache(maxsize=4096)
def _year(code: str, year: int, language: str) -> dict[date, str]:
    country, _, region = code.partition("-")
    from holidays import country_holidays

    # A new year's day that is kept early stands in the last days of the year before.
    found = country_holidays(country, subdiv=region or None, years=(year, year + 1), language=_spoken(country, language))
    return {day: name for day, name in found.items() if day.year == year}


def _spoken(country: str, language: str) -> str | None:
    known: Iterable[str] = getattr(_class_of(country), "supported_languages", ())
    return next((name for name in known if name.partition("_")[0] == language), None)


@cache
def _weekend(code: str) -> frozenset[int]:
    return frozenset(getattr(_class_of(code.partition("-")[0]), "weekend", SATURDAY_AND_SUNDAY))


@cache
def _class_of(country: str) -> Any:
    import holidays

    return getattr(holidays, country)


@cache
def _countries() -> frozenset[str]:
    from holidays.registry import COUNTRIES

    return frozenset(codes[1] for codes in COUNTRIES.values())
