"""What an export does to fields nobody may read as they are: the keys of `obfuscation`, and their values.

A field is hashed by the export's one algorithm, masked but for its last characters, or removed: its column stays, and holds
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from paquebot.errors import ContentError, Problem
from paquebot.language import translatable
from paquebot.options import DefinitionError, Option, Path, Section, describe_path, nearest

PHONE_REGION = Problem(
    "export.phone_region",
    "{where}: phone numbers need “region”, the country of numbers written without a country code.",
    "Write two capital letters, such as “region: CA”.",
)
NEEDLESS_REGION = Problem(
    "export.needless_region",
    "{where}: “region” has a meaning only with “normalise: phone”.",
    "Remove “region”, or write “normalise: phone”.",
)
NEEDLESS_SHOWN = Problem(
    "export.needless_shown",
    "{where}: “shown” has a meaning only with “treatment: mask”.",
    "Remove “shown”, or write “treatment: mask”.",
)
NEEDLESS_NORMALISE = Problem(
    "export.needless_normalise",
    "{where}: nothing is left to normalise of a field that is removed.",
    "Remove “normalise”, or choose another treatment.",
)
NEEDLESS_KEY_VERSION = Problem(
    "export.needless_key_version",
    "{where}: “key_version” has a meaning only with “algorithm: hmac-sha256”.",
    "Remove “key_version”, or write “algorithm: hmac-sha256”.",
)
FIELD_NOT_EXPORTED = Problem(
    "export.obfuscated_field_not_exported",
    "{where}: the field “{field}” is to be obfuscated, but is not among the exported fields.",
    "Did you mean “{nearest}”? Exported: {known}.",
)
GUESSABLE_CHOSEN = Problem(
    "content.guessable_algorithm",
    "The export “{export}” obfuscates by {algorithm}: anybody with a list of likely values can hash them and recognise yours.",
    "Keep it only where the partner must match on this very hash; hmac-sha256 has the project's key in it.",
)
WEAK_CHOSEN = Problem(
    "content.weak_algorithm",
    "The export “{export}” obfuscates by {algorithm}, which is broken, and which anybody with a list of values can guess.",
    "Keep it only for a reader that knows nothing newer; hmac-sha256 has the project's key in it.",
)

HMAC = "hmac-sha256"
ALGORITHMS = (HMAC, "sha256", "sha512", "sha1", "md5")
ALGORITHM_WORDS = dict(zip(ALGORITHMS, ("HMAC-SHA-256", "SHA-256", "SHA-512", "SHA-1", "MD5"), strict=True))
GUESSABLE_WORDS = translatable("guessable from a dictionary")
WEAK_WORDS = translatable("weak and guessable")
WARNING_WORDS = {"sha256": GUESSABLE_WORDS, "sha512": GUESSABLE_WORDS, "sha1": WEAK_WORDS, "md5": WEAK_WORDS}
"""Algorithm → what is wrong with it, in few words; the keyed one has nothing."""
HASH, MASK, REMOVE = "hash", "mask", "remove"
SHOWN = 4
"""How many characters a mask shows when nobody says."""


@dataclass(frozen=True, slots=True)
class FieldObfuscation:
    """What is done to a field's values: normalised (`region` is that of phone numbers), then hashed, masked or removed.

    `shown` is how many characters a mask leaves at the end; None for the other treatments.
    """

    normalise: str = "none"
    region: str | None = None
    treatment: str = HASH
    shown: int | None = None

    def __post_init__(self) -> None:
        if self.treatment == MASK and self.shown is None:
            object.__setattr__(self, "shown", SHOWN)

    def to_document(self) -> dict[str, Any]:
        """What was said, as the section `fields` takes it; hashing is what nobody need say."""
        said: dict[str, Any] = {"normalise": self.normalise, "region": self.region}
        if self.treatment != HASH:
            said |= {"treatment": self.treatment, "shown": self.shown}
        return {key: value for key, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ObfuscationChoice:
    """The algorithm, the fields that do not leave as they are, and the version of the project's key (None: the newest)."""

    algorithm: str
    fields: Mapping[str, FieldObfuscation]
    key_version: int | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, Any] | None) -> ObfuscationChoice | None:
        """From what `read` returned for `OBFUSCATION`; None when no field is named."""
        if not values or not values["fields"]:
            return None
        fields = {name: FieldObfuscation(**how) for name, how in values["fields"].items()}
        return cls(values["algorithm"], fields, values["key_version"])

    def to_document(self) -> dict[str, Any]:
        """As `from_values` takes it once read."""
        written: dict[str, Any] = {"algorithm": self.algorithm}
        if self.key_version is not None:
            written["key_version"] = self.key_version
        return {**written, "fields": {name: how.to_document() for name, how in self.fields.items()}}

    def treated(self, treatment: str) -> tuple[str, ...]:
        """The names of the fields that are hashed, masked or removed."""
        return tuple(name for name, how in self.fields.items() if how.treatment == treatment)

    @property
    def uses_key(self) -> bool:
        """Whether any value depends on the project's key."""
        return self.algorithm == HMAC and bool(self.treated(HASH))

    def warning(self, export: str) -> ContentError | None:
        """What whoever chooses the algorithm should know, if any value is hashed by it."""
        words = WARNING_WORDS.get(self.algorithm)
        if words is None or not self.treated(HASH):
            return None
        problem = WEAK_CHOSEN if words == WEAK_WORDS else GUESSABLE_CHOSEN
        return ContentError(problem, export=export, algorithm=ALGORITHM_WORDS[self.algorithm])

    def check_exported(self, exported: Collection[str], path: Path) -> None:
        """A misspelled field would leave in clear: raises `DefinitionError` for one that is not among those exported."""
        for name in self.fields:
            if name not in exported:
                here = (*path, "fields", name)
                raise DefinitionError(FIELD_NOT_EXPORTED, here, field=name, nearest=nearest(name, exported), known=exported)


def _check_field(values: Mapping[str, Any], path: Path) -> None:
    where = describe_path(path)
    if values["treatment"] == REMOVE and values["normalise"] != "none":
        raise DefinitionError(NEEDLESS_NORMALISE, (*path, "normalise"), where=where)
    if values["treatment"] != MASK and values["shown"] is not None:
        raise DefinitionError(NEEDLESS_SHOWN, (*path, "shown"), where=where)
    if values["normalise"] == "phone" and not re.fullmatch("[A-Z]{2}", values["region"] or ""):
        raise DefinitionError(PHONE_REGION, (*path, "region"), where=where)
    if values["normalise"] != "phone" and values["region"] is not None:
        raise DefinitionError(NEEDLESS_REGION, (*path, "region"), where=where)


def _check_key_version(values: Mapping[str, Any], path: Path) -> None:
    if values["key_version"] is not None and values["algorithm"] != HMAC:
        raise DefinitionError(NEEDLESS_KEY_VERSION, (*path, "key_version"), where=describe_path(path))


OBFUSCATION = Section(
    "obfuscation",
    "Which fields leave in a form that nobody can read.",
    (
        Option(
            "algorithm",
            "How values are hashed; hmac-sha256 uses the project's secret key.",
            label="Algorithm",
            default=HMAC,
            choices=ALGORITHMS,
            choice_labels=(
                "HMAC-SHA-256, with the project’s key",
                "SHA-256, guessable from a dictionary",
                "SHA-512, guessable from a dictionary",
                "SHA-1, weak and guessable",
                "MD5, weak and guessable",
            ),
        ),
        Option(
            "key_version",
            "The version of the project's key to stay with, for a reader who keeps old values; the newest when left out.",
            "integer",
            least=1,
            label="Version of the project’s key",
            only_with=(f"algorithm={HMAC}",),
        ),
        Section(
            "fields",
            "The fields to obfuscate, each with what is done to its values.",
            (
                Option(
                    "treatment",
                    "Hashed by the algorithm, masked but for its last characters, or removed: the column stays, empty.",
                    default=HASH,
                    choices=(HASH, MASK, REMOVE),
                    label="Treatment",
                    choice_labels=("Hash", "Mask", "Remove"),
                ),
                Option(
                    "shown",
                    "How many characters a mask shows at the end; values no longer than that are hidden whole.",
                    "integer",
                    least=0,
                    most=32,
                    label="Last characters shown",
                ),
                Option(
                    "normalise",
                    "What is done to a value before it is hashed or masked.",
                    default="none",
                    choices=("none", "trim", "lower", "email", "phone"),
                    label="Before hashing",
                    choice_labels=("Nothing", "Without spaces around", "Lower case", "E-mail", "Phone number"),
                ),
                Option(
                    "region",
                    "The country of phone numbers written without a country code: two capitals such as CA.",
                    label="Country",
                ),
            ),
            check=_check_field,
            required=True,
            keyed=True,
        ),
    ),
    check=_check_key_version,
)
