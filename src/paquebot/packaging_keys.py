"""How a file is packed, as data: its compression, and whose keys it is closed with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paquebot.errors import Problem
from paquebot.options import DefinitionError, Entry, Option, Path, Section, describe_path
from paquebot.place_keys import check_file_name_or_none

BAD_LEVEL = Problem(
    "definition.bad_level",
    "{where}: {compression} has no level {level}.",
    "Write a number from {least} to {most}, or leave it out for {usual}.",
)
LEVEL_OF_NOTHING = Problem(
    "definition.meaningless_with_compression",
    "{where}: “{key}” means nothing when the file is compressed with {compression}.",
    "Remove it, or choose another compression.",
)


NOT_ONE_KIND_OF_KEY = Problem(
    "export.encryption_not_one_kind",
    "{where}: a file is closed with OpenPGP keys or for age recipients, and this names {found}.",
    "Keep one of: openpgp, age.",
)
SIGNATURE_ALONE = Problem(
    "export.signature_without_openpgp",
    "{where}: a signature goes with OpenPGP keys alone.",
    "Remove “sign_with”, or close the file with OpenPGP keys.",
)
BAD_ZIP_PASSWORD = Problem(
    "definition.bad_zip_password",
    "{where}: the password of ZIP files must have 12 to 128 characters: letters without accents, digits, signs and spaces.",
    "Take a long one: the format tries passwords quickly. For instance the output of: openssl rand -base64 24",
)
NO_ZIP_PASSWORD = Problem(
    "export.no_zip_password",
    "{where}: the ZIP file is to be closed with the password of its destination, and “{server}” has none.",
    "Write the password agreed with the partner in the destination (“zip_password”), or leave the file open.",
)
NO_DESTINATION_TO_LOCK = Problem(
    "export.no_destination_to_lock",
    "{where}: a file made once, by hand, has no destination, and so no password that closes its ZIP file.",
    "Leave the ZIP file open, close it with OpenPGP keys, or make an export for the partner.",
)
OPENPGP, AGE = "openpgp", "age"


def _check_encryption(values: Mapping[str, Any], path: Path) -> None:
    found = [kind for kind in (OPENPGP, AGE) if values[kind]]
    if len(found) != 1:
        raise DefinitionError(NOT_ONE_KIND_OF_KEY, path, found=found or ["–"])
    if values["sign_with"] and found != [OPENPGP]:
        raise DefinitionError(SIGNATURE_ALONE, (*path, "sign_with"), where=describe_path(path))


@dataclass(frozen=True, slots=True)
class Levels:
    """The levels a compression has, from the fastest to the smallest, and the one taken when none is named."""

    least: int
    most: int
    usual: int


LEVELS: Mapping[str, Levels] = {
    "gzip": Levels(0, 3, 1),
    "zip": Levels(0, 3, 1),
    "zstd": Levels(1, 19, 1),
    "bzip2": Levels(1, 9, 9),
    "xz": Levels(0, 9, 1),
}
"""The compressions. gzip and zip count as ISA-L does, which makes them."""
COMPRESSION_LABELS = ("gzip", "ZIP", "Zstandard", "bzip2", "xz")


PACKAGING: tuple[Entry, ...] = (
    Option(
        "compression",
        "How the file is compressed.",
        label="Compression",
        choice_labels=("None", *COMPRESSION_LABELS),
        default="none",
        choices=("none", *LEVELS),
    ),
    Option(
        "compression_level",
        "How hard to compress: a small number is fast, a large one makes a small file.",
        label="Level of compression",
        kind="integer",
        least=0,
        most=19,
        only_with=tuple(f"compression={name}" for name in LEVELS),
    ),
    Option(
        "zip_name",
        "The name of the file inside the ZIP file; it may hold variables, and is the file's own when left out.",
        label="Name inside the ZIP file",
        default="",
        only_with=("compression=zip",),
        check=check_file_name_or_none,
    ),
    Option(
        "zip_locked",
        "Whether a password opens the ZIP file (AES-256): the one agreed with the partner, kept with the destination.",
        label="Close the ZIP file with the destination's password",
        kind="boolean",
        default=False,
        only_with=("compression=zip",),
    ),
    Section(
        "encryption",
        "Whose keys the file is closed with, and who signs it.",
        (
            Option(OPENPGP, "The names of the partner's OpenPGP keys.", label="Keys", kind="list", alone=True),
            Option(
                AGE,
                "The names of the partner's age recipients, in place of OpenPGP keys.",
                label="age recipients",
                kind="list",
                alone=True,
            ),
            Option(
                "armour",
                "Whether the encrypted file is text (ASCII armour), a third larger.",
                label="As text (ASCII armour)",
                kind="boolean",
                default=False,
            ),
            Option("sign_with", "The name of the project's signing key that signs the file.", label="Signed with"),
        ),
        check=_check_encryption,
    ),
)


@dataclass(frozen=True, slots=True)
class EncryptionChoice:
    """The names of the keys of one kind that the file is closed with, and of the key of ours that signs it."""

    keys: tuple[str, ...]
    armour: bool = False
    kind: str = OPENPGP
    sign_with: str | None = None

    @classmethod
    def from_values(cls, values: Mapping[str, Any] | None) -> EncryptionChoice | None:
        """What the section `encryption` reads as."""
        if not values:
            return None
        kind = AGE if values[AGE] else OPENPGP
        return cls(tuple(values[kind]), values["armour"], kind, values["sign_with"] or None)

    def to_document(self) -> dict[str, Any]:
        """As the section is written."""
        signed = {"sign_with": self.sign_with} if self.sign_with else {}
        return {self.kind: list(self.keys), "armour": self.armour, **signed}


def level_option(compression: str) -> Option:
    """The option `level` of a compression."""
    levels = LEVELS[compression]
    return Option(
        "level",
        "How hard to compress: a small number is fast, a large one makes a small file.",
        "integer",
        default=levels.usual,
        least=levels.least,
        most=levels.most,
    )


def _check_password(value: str, path: Path) -> None:
    """What every program that opens ZIP files types alike."""
    if not 12 <= len(value) <= 128 or not value.isascii() or not value.isprintable():
        raise DefinitionError(BAD_ZIP_PASSWORD, path)


ZIP_PASSWORD = Option(
    "zip_password",
    "What opens the ZIP files of exports that are closed with it (AES-256).",
    secret=True,
    check=_check_password,
)
"""What a destination keeps for the files that go there."""


def check_compression(compression: str, level: int | None, inner_name: str, path: Path, *, locked: bool = False) -> None:
    """Raises `DefinitionError` for a level, an inner name or a lock the compression does not have."""
    levels = LEVELS.get(compression)
    for key, said in (
        ("compression_level", level is not None and levels is None),
        ("zip_name", inner_name and compression != "zip"),
        ("zip_locked", locked and compression != "zip"),
    ):
        if said:
            raise DefinitionError(LEVEL_OF_NOTHING, (*path, key), key=key, compression=compression)
    if levels and level is not None and not levels.least <= level <= levels.most:
        told = {"least": levels.least, "most": levels.most, "usual": levels.usual}
        raise DefinitionError(BAD_LEVEL, (*path, "compression_level"), compression=compression, level=level, **told)
