"""What is done to a value before it is hashed, so that two writings of the same thing give the same digest.

- `none`: the value as it is.
- `trim`: without white space (Unicode `White_Space`) at both ends.
- `lower`: in lower case (Unicode, of no particular language).
- `email`: trimmed, in lower case, then in Unicode normal form C. Dots and `+tags` are kept: they may be another mailbox.
- `phone`: E.164 (`+14185551234`), numbers without a country code read as those of the field's `region`. A value that cannot be
  a number is only trimmed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paquebot.errors import ContentError, Problem
from paquebot.options import Option, nearest

if TYPE_CHECKING:
    import polars as pl

REGION_MISSING = Problem(
    "content.region_missing",
    "Phone numbers cannot be normalised without knowing whose numbers they are.",
    "Add the region, two capital letters such as CA or FR, for numbers written without a country code.",
)
REGION_UNKNOWN = Problem(
    "content.region_unknown",
    "“{region}” is not a region with phone numbers.",
    "Use the two capital letters of a country, such as CA or FR.",
)
UNKNOWN_NORMALISATION = Problem(
    "content.unknown_normalisation",
    "“{name}” is not a known normalisation.",
    "Did you mean “{nearest}”? Known: {known}.",
)

NAMES = ("none", "trim", "lower", "email", "phone")
OPTIONS = (
    Option(
        "normalise",
        "What is done to the value before hashing, so that two writings of it give the same digest.",
        default="none",
        choices=NAMES,
    ),
    Option("region", "For phone numbers: the country of numbers written without a country code, such as CA or FR."),
)


@dataclass(frozen=True, slots=True)
class Normalisation:
    """One field's normalisation. Raises `ContentError` when it is unknown or lacks its region."""

    name: str = "none"
    region: str | None = None

    def __post_init__(self) -> None:
        if self.name not in NAMES:
            raise ContentError(UNKNOWN_NORMALISATION, name=self.name, nearest=nearest(self.name, NAMES), known=NAMES)
        if self.name == "phone":
            _check_region(self.region)

    def apply(self, texts: pl.Series) -> pl.Series:
        """The normalised texts; null stays null."""
        if self.name == "phone":
            return _phones(texts, self.region or "")
        return _VECTORISED[self.name](texts)


def _trimmed(texts: pl.Series) -> pl.Series:
    return texts.str.strip_chars()


def _lowered(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase()


def _emails(texts: pl.Series) -> pl.Series:
    """What is all ASCII is in form C already: looking at it again would cost twice what hashing does."""
    lowered = texts.str.strip_chars().str.to_lowercase()
    others = (lowered.str.len_bytes() != lowered.str.len_chars()).arg_true()
    return lowered.scatter(others, lowered.gather(others).str.normalize("NFC")) if len(others) else lowered


_VECTORISED: Mapping[str, Callable[[pl.Series], pl.Series]] = {
    "none": lambda texts: texts,
    "trim": _trimmed,
    "lower": _lowered,
    "email": _emails,
}


def _phones(texts: pl.Series, region: str) -> pl.Series:
    """Per distinct value: the library is Python, some 10 µs a number."""
    trimmed = _trimmed(texts)
    distinct = trimmed.drop_nulls().unique()
    return trimmed.replace(distinct, [_e164(number, region) for number in distinct])


def _e164(written: str, region: str) -> str:
    import phonenumbers

    try:
        number = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        return written
    if not phonenumbers.is_possible_number(number):
        return written
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _check_region(region: str | None) -> None:
    import phonenumbers

    if not region:
        raise ContentError(REGION_MISSING)
    if region not in phonenumbers.SUPPORTED_REGIONS:
        raise ContentError(REGION_UNKNOWN, region=region)
