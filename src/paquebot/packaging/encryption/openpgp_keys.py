"""OpenPGP keys as gpg reads them (RFC 4880): what may be shown of one, and whether files can be encrypted for it today."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from paquebot.errors import PackagingError, Problem
from paquebot.packaging.encryption.base import SECRET_KEY_GIVEN, KeyDetails, KeyFacts, KeyPart
from paquebot.packaging.encryption.gpg import gpg

NOT_A_KEY = Problem(
    "packaging.not_a_key",
    "This is not one OpenPGP public key.",
    "Paste one whole key, from “-----BEGIN PGP PUBLIC KEY BLOCK-----” to its last line.",
)
KEY_EXPIRED = Problem(
    "packaging.key_unusable",
    "The OpenPGP key {fingerprint} expired on {expires_on}.",
    "Ask the partner for a key that is valid, or for the same one prolonged.",
)
KEY_REVOKED = Problem(
    "packaging.key_unusable",
    "The OpenPGP key {fingerprint} was revoked by its owner (it was to expire: {expires_on}).",
    "Ask the partner for the key that replaces it.",
)
KEY_CANNOT_ENCRYPT = Problem(
    "packaging.key_unusable",
    "The OpenPGP key {fingerprint} (expires: {expires_on}) has no part that can encrypt today.",
    "Ask the partner for a key with a valid encryption subkey.",
)

TYPE, VALIDITY, LENGTH, ALGORITHM, CREATED, EXPIRES, NAMED, ABLE_TO, CURVE = 0, 1, 2, 3, 5, 6, 9, 11, 16
"""The fields of a line of gpg's colon listing (GnuPG's doc/DETAILS, counted from 0); in `ABLE_TO`, capitals tell of the whole
key what can be done with it today."""
_ALGORITHMS = {"1": "RSA", "16": "ElGamal", "17": "DSA", "18": "ECDH", "19": "ECDSA", "22": "EdDSA"}
_PARTS = {"pub", "sub", "sec", "ssb"}

Listing = list[list[str]]


def read_key(text: str, scratch: str | None = None) -> KeyFacts:
    """The facts of one ASCII-armoured public key, usable or not.

    Raises `PackagingError`: `packaging.not_a_key`, `packaging.secret_key_given`, `packaging.gpg_missing`.
    """
    return facts_of(_public(text, scratch))


def describe_key(text: str, scratch: str | None = None) -> KeyDetails:
    """What a person may want to see of a key before they trust it. Raises as `read_key` does."""
    records = _public(text, scratch)
    return KeyDetails(
        facts_of(records),
        user_ids=tuple(_unescaped(record[NAMED]) for record in records if record[TYPE] == "uid" and record[VALIDITY] != "r"),
        parts=tuple(_part(records, place) for place, record in enumerate(records) if record[TYPE] in _PARTS),
    )


def refuse_unusable(facts: KeyFacts) -> None:
    """Raises `PackagingError` unless files can be encrypted for the key today."""
    if facts.can_encrypt:
        return
    problem = KEY_REVOKED if facts.revoked else KEY_EXPIRED if facts.expired else KEY_CANNOT_ENCRYPT
    raise PackagingError(problem, fingerprint=facts.fingerprint, expires_on=str(facts.expires_on or "–"))


def listing(text: str, scratch: str | None) -> Listing:
    """The key as gpg lists it, nothing kept."""
    with gpg(scratch) as program:
        shown = program.run(["--show-keys", "--with-colons", "--fixed-list-mode"], text).text
    return [[*line.split(":"), *[""] * 20] for line in shown.splitlines()]


def facts_of(records: Listing) -> KeyFacts:
    """The facts of the one key listed, public or private."""
    primary = next(record for record in records if record[TYPE] in {"pub", "sec"})
    return KeyFacts(
        next(record[NAMED] for record in records if record[TYPE] == "fpr"),
        _last_day(primary, [record for record in records if _encrypts(record)]),
        can_encrypt="E" in primary[ABLE_TO],
        expired=primary[VALIDITY] == "e",
        revoked=primary[VALIDITY] == "r",
        can_sign="S" in primary[ABLE_TO],
    )


def _public(text: str, scratch: str | None) -> Listing:
    if "PRIVATE KEY BLOCK" in text:
        raise PackagingError(SECRET_KEY_GIVEN)
    records = listing(text, scratch)
    if any(record[TYPE] in {"sec", "ssb"} for record in records):
        raise PackagingError(SECRET_KEY_GIVEN)
    if [record[TYPE] for record in records].count("pub") != 1:
        raise PackagingError(NOT_A_KEY)
    return records


def _encrypts(record: Sequence[str]) -> bool:
    return record[TYPE] in _PARTS and "e" in record[ABLE_TO] and record[VALIDITY] != "r"


def _part(records: Listing, place: int) -> KeyPart:
    record = records[place]
    fingerprint = next(later[NAMED] for later in records[place:] if later[TYPE] == "fpr")
    return KeyPart(
        fingerprint,
        _algorithm(record),
        created_on=_day(record[CREATED]),
        expires_on=_day(record[EXPIRES]),
        can_encrypt=_encrypts(record) and record[VALIDITY] != "e",
        can_sign="s" in record[ABLE_TO],
        expired=record[VALIDITY] == "e",
        revoked=record[VALIDITY] == "r",
    )


def _algorithm(record: Sequence[str]) -> str:
    name = _ALGORITHMS.get(record[ALGORITHM], record[ALGORITHM])
    return f"{name} ({record[CURVE]})" if record[CURVE] else f"{name} {record[LENGTH]}"


def _day(seconds: str) -> date | None:
    return datetime.fromtimestamp(int(seconds), UTC).date() if seconds not in ("", "0") else None


def _unescaped(text: str) -> str:
    """Colons and backslashes of a user id stand as `\\x3a` and `\\x5c` in the listing."""
    return text.replace("\\x3a", ":").replace("\\x5c", "\\")


def _last_day(primary: Sequence[str], encrypting: Sequence[Sequence[str]]) -> date | None:
    """The primary key's expiry or that of the longest-lived encrypting part, whichever comes first; 0 stands for never."""
    never = 0
    parts = [int(record[EXPIRES] or never) for record in encrypting]
    longest = never if never in parts or not parts else max(parts)
    ends = [end for end in (int(primary[EXPIRES] or never), longest) if end != never]
    return datetime.fromtimestamp(min(ends), UTC).date() if ends else None
