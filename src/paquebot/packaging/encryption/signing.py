"""Keys of our own that sign what leaves: generated or taken in, and kept closed by a passphrase that is sealed beside them."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import date

from paquebot.credentials import Secret
from paquebot.errors import PackagingError, Problem
from paquebot.packaging.encryption.base import KeyFacts
from paquebot.packaging.encryption.gpg import Gpg, gpg
from paquebot.packaging.encryption.openpgp_keys import TYPE, facts_of, listing

NOT_A_PRIVATE_KEY = Problem(
    "packaging.not_a_private_key",
    "This is not one OpenPGP private key.",
    "Paste one whole key, from “BEGIN PGP PRIVATE KEY BLOCK” to its last line.",
)
WRONG_PASSPHRASE = Problem(
    "packaging.wrong_passphrase",
    "The passphrase does not open this private key.",
    "Write the passphrase the key was made with; leave it empty for a key without one.",
)
CANNOT_SIGN = Problem(
    "packaging.cannot_sign",
    "The OpenPGP key {fingerprint} (expires: {expires_on}) cannot sign today.",
    "Generate a key here, or take in one that is valid and able to sign.",
)
NOT_MADE = Problem(
    "packaging.key_not_made",
    "The program gpg could not make the key.",
    "Write the name as “Our company <exports@example.org>”, without line breaks or control characters.",
)
ALGORITHMS = {"ed25519": "Ed25519", "rsa3072": "RSA 3072"}
"""What a key can be made with: the second for partners whose software is old."""
_USER_ID = re.compile(r"[^\x00-\x1f\x7f<>]{3,}(<[^\s<>@]+@[^\s<>@]+>)?")


@dataclass(frozen=True, slots=True)
class OwnKey:
    """A private key, closed by `passphrase`, and what may be shown of it."""

    fingerprint: str
    public_text: str
    private_text: Secret = field(repr=False)
    passphrase: Secret = field(repr=False)
    expires_on: date | None = None


def generate(user_id: str, scratch: str | None, *, algorithm: str = "ed25519", years: int = 2) -> OwnKey:
    """A new key that can only sign, closed by a passphrase of ours. Raises `PackagingError`."""
    if not _USER_ID.fullmatch(user_id.strip()):
        raise PackagingError(NOT_MADE)
    passphrase = _fresh()
    with gpg(scratch, with_agent=True) as program:
        asked = ["--quick-gen-key", user_id.strip(), algorithm, "sign", f"{years}y" if years else "never"]
        if program.run(asked, passphrase=passphrase).exit_code != 0:
            raise PackagingError(NOT_MADE)
        return _kept(program, passphrase)


def take_in(text: str, passphrase: Secret | None, scratch: str | None) -> OwnKey:
    """The private key `text`; one without a passphrase is closed by one of ours. Raises `PackagingError`."""
    records = listing(text, scratch)
    if [record[TYPE] for record in records].count("sec") != 1:
        raise PackagingError(NOT_A_PRIVATE_KEY)
    facts = facts_of(records)
    with gpg(scratch, with_agent=True) as program:
        program.run(["--import"], text)
        closed_by = _opened(program, facts, passphrase)
        key = _kept(program, closed_by)
    refuse_unable(facts)
    return key


def refuse_unable(facts: KeyFacts) -> None:
    """Raises `PackagingError` unless the key can sign today."""
    if not facts.can_sign or facts.expired or facts.revoked:
        raise PackagingError(CANNOT_SIGN, fingerprint=facts.fingerprint, expires_on=str(facts.expires_on or "–"))


def _opened(program: Gpg, facts: KeyFacts, passphrase: Secret | None) -> Secret:
    """The passphrase that closes the key from now on. A key that any passphrase opens had none."""
    ours = _fresh()
    if _signs(program, facts, ours):
        program.run(["--passwd", facts.fingerprint], passphrase=ours)
        return ours
    if passphrase is None or not _signs(program, facts, passphrase):
        refuse_unable(facts)  # what cannot sign at all is told first
        raise PackagingError(WRONG_PASSPHRASE)
    return passphrase


def _signs(program: Gpg, facts: KeyFacts, passphrase: Secret) -> bool:
    asked = ["--local-user", facts.fingerprint, "--output", "-", "--detach-sign"]
    return program.run(asked, b"rehearsal", passphrase).exit_code == 0


def _kept(program: Gpg, passphrase: Secret) -> OwnKey:
    public = program.run(["--armor", "--export"]).text
    private = program.run(["--armor", "--export-secret-keys"], passphrase=passphrase).text
    if "PRIVATE KEY BLOCK" not in private:
        raise PackagingError(WRONG_PASSPHRASE)
    facts = facts_of(listing(public, str(program.home)))
    return OwnKey(facts.fingerprint, public, Secret(private), passphrase, facts.expires_on)


def _fresh() -> Secret:
    return Secret(secrets.token_urlsafe(32))
