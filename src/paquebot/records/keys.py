"""The partners' public keys and the project's own signing keys: taken in, generated, renewed, removed.

A partner's private key is refused and never kept. Our own are sealed, with the passphrase that opens them, and never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from paquebot.credentials import Secret
from paquebot.errors import PackagingError, Problem
from paquebot.language import translatable
from paquebot.packaging.encryption import openpgp_keys, signing
from paquebot.packaging.encryption.age import AgeEncryption, describe_recipient, is_recipient, read_recipient
from paquebot.packaging.encryption.base import KeyDetails, KeyFacts
from paquebot.packaging.encryption.openpgp import OpenPgpEncryption
from paquebot.packaging.encryption.rehearsal import Rehearsal, rehearse
from paquebot.packaging.encryption.signing import OwnKey
from paquebot.records.connection import Records
from paquebot.records.models import EncryptionKey, Project, SigningKey
from paquebot.records.uses import refuse_used, uses_in
from paquebot.records.writing import locked, put, require_free

SIGNING_KEY_GONE = Problem(
    "packaging.signing_key_gone",
    "The signing key “{name}” this run was asked with ({fingerprint}) is no longer there.",
    "Run the export again: it is signed with the key of that name as it is now.",
)
REHEARSED = translatable(
    "A sample of {size} bytes was encrypted for “{name}” and for a pair generated for the occasion, opened with that pair’s "
    "private half, and came back byte for byte. Whether the partner still holds the other half, only the partner can say."
)


def add_key(records: Records, project: Project, name: str, text: str) -> EncryptionKey:
    """A new key. Raises `PackagingError` for what is not one public key that can encrypt today, `CommandError` for its name."""
    kind = kind_of(text)
    facts = usable(records, kind, text)
    with transaction.atomic():
        require_free(EncryptionKey, project, name)
        keep_key(project, name, kind, text, facts)
    return EncryptionKey.objects.get(project=project, name=name)


def renew_key(records: Records, key: EncryptionKey, text: str, version: str) -> EncryptionKey:
    """Puts `text` in place of the key: every export that names it encrypts for the new one. Raises as `add_key` does."""
    facts = usable(records, key.kind, text)
    with transaction.atomic():
        row = locked(EncryptionKey, key.project, key.name, version)
        keep_key(row.project, row.name, row.kind, text, facts)
    return EncryptionKey.objects.get(pk=row.pk)


def keep_key(project: Project, name: str, kind: str, text: str, facts: KeyFacts, reference: str = "") -> str | None:  # noqa: PLR0913, PLR0917 - each is a column
    """Writes the key, and the reference its text came by; returns what `put` returns."""
    values = {"kind": kind, "public_text": text, "fingerprint": facts.fingerprint, "expires_on": facts.expires_on}
    values["reference"] = reference
    return put(EncryptionKey, project, name, values)


def remove_key(project: Project, name: str, version: str) -> None:
    """Raises `CommandError` while an export uses the key."""
    with transaction.atomic():
        row = locked(EncryptionKey, project, name, version)
        refuse_used(name, uses_in(project).keys.get(name, []))
        row.delete()


def kind_of(text: str) -> str:
    """What the text is meant as."""
    return AgeEncryption.NAME if is_recipient(text) else OpenPgpEncryption.NAME


def usable(records: Records, kind: str, text: str) -> KeyFacts:
    """The facts of a key that can encrypt today. Raises `PackagingError` for any other."""
    if kind == AgeEncryption.NAME:
        return read_recipient(text)
    facts = openpgp_keys.read_key(text, str(records.home.scratch))
    openpgp_keys.refuse_unusable(facts)
    return facts


def read_or_refuse(records: Records, project: str, name: str, kind: str, text: str) -> KeyFacts:
    """The same, but a key that was kept already may have expired since: what was applied once can be applied again."""
    kept = EncryptionKey.objects.filter(project__name=project, name=name, kind=kind, public_text=text)
    if kind == OpenPgpEncryption.NAME and kept.exists():
        return openpgp_keys.read_key(text, str(records.home.scratch))
    return usable(records, kind, text)


def details_of(records: Records, key: EncryptionKey | SigningKey) -> KeyDetails:
    """What is shown of the key. Raises `PackagingError` when its text cannot be read."""
    if isinstance(key, EncryptionKey) and key.kind == AgeEncryption.NAME:
        return describe_recipient(key.public_text)
    return openpgp_keys.describe_key(key.public_text, str(records.home.scratch))


def rehearsed(records: Records, key: EncryptionKey) -> Rehearsal:
    """Encrypts a sample for the key and opens it again with a pair made for the occasion. Raises `PackagingError`."""
    return rehearse(key.kind, key.public_text, str(records.home.scratch))


# ── our own ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def generate_signing_key(records: Records, project: Project, name: str, user_id: str, algorithm: str) -> SigningKey:
    """A new key under `name`. Raises `PackagingError`, `CommandError`."""
    return _add(records, project, name, signing.generate(user_id, str(records.home.scratch), algorithm=algorithm))


def import_signing_key(records: Records, project: Project, name: str, text: str, passphrase: Secret | None) -> SigningKey:
    """A key that was made elsewhere. Raises `PackagingError`, `CommandError`."""
    return _add(records, project, name, signing.take_in(text, passphrase, str(records.home.scratch)))


def keep_signing_key(records: Records, project: Project, name: str, key: OwnKey) -> str | None:
    """Writes the key unless it is kept already; returns what `put` returns."""
    if SigningKey.objects.filter(project=project, name=name, public_text=key.public_text).exists():
        return None
    return put(SigningKey, project, name, _sealed(records, key))


def remove_signing_key(project: Project, name: str, version: str) -> None:
    """Raises `CommandError` while an export uses the key."""
    with transaction.atomic():
        row = locked(SigningKey, project, name, version)
        refuse_used(name, uses_in(project).signing_keys.get(name, []))
        row.delete()


def signing_key_of(records: Records, project: Project, frozen: Mapping[str, str]) -> OwnKey:
    """The key a run was asked with, opened for its child. Raises `PackagingError` when another one has its name."""
    row = SigningKey.objects.filter(project=project, name=frozen["name"], fingerprint=frozen["fingerprint"]).first()
    if row is None:
        raise PackagingError(SIGNING_KEY_GONE, name=frozen["name"], fingerprint=frozen["fingerprint"])
    unseal = records.keyring.unseal
    opened = {"private_text": unseal(row.sealed_key), "passphrase": unseal(row.sealed_passphrase)}
    return OwnKey(row.fingerprint, row.public_text, expires_on=row.expires_on, **opened)


def _add(records: Records, project: Project, name: str, key: OwnKey) -> SigningKey:
    with transaction.atomic():
        require_free(SigningKey, project, name)
        put(SigningKey, project, name, _sealed(records, key))
    return SigningKey.objects.get(project=project, name=name)


def _sealed(records: Records, key: OwnKey) -> dict[str, Any]:
    return {
        "public_text": key.public_text,
        "fingerprint": key.fingerprint,
        "expires_on": key.expires_on,
        "sealed_key": records.keyring.seal(key.private_text.reveal()),
        "sealed_passphrase": records.keyring.seal(key.passphrase.reveal()),
    }
