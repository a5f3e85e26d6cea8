"""The partners' public keys: taken in, renewed, removed. A private key is refused and never kept."""

from __future__ import annotations

from django.db import transaction

from paquebot.packaging.encryption.openpgp import KeyFacts, OpenPgpEncryption, read_key
from paquebot.records.connection import Records
from paquebot.records.models import EncryptionKey, Project
from paquebot.records.uses import refuse_used, uses_in
from paquebot.records.writing import locked, put, require_free


def add_key(records: Records, project: Project, name: str, text: str) -> EncryptionKey:
    """A new key. Raises `PackagingError` for what is not one public key that can encrypt today, `CommandError` for its name."""
    facts = _usable(records, text)
    with transaction.atomic():
        require_free(EncryptionKey, project, name)
        keep_key(project, name, text, facts)
    return EncryptionKey.objects.get(project=project, name=name)


def renew_key(records: Records, key: EncryptionKey, text: str, version: str) -> EncryptionKey:
    """Puts `text` in place of the key: every export that names it encrypts for the new one. Raises as `add_key` does."""
    facts = _usable(records, text)
    with transaction.atomic():
        row = locked(EncryptionKey, key.project, key.name, version)
        keep_key(row.project, row.name, text, facts)
    return EncryptionKey.objects.get(pk=row.pk)


def keep_key(project: Project, name: str, text: str, facts: KeyFacts, reference: str = "") -> str | None:
    """Writes the key, and the reference its text came by; returns what `put` returns."""
    values = {"public_text": text, "fingerprint": facts.fingerprint, "expires_on": facts.expires_on, "reference": reference}
    return put(EncryptionKey, project, name, values)


def remove_key(project: Project, name: str, version: str) -> None:
    """Raises `CommandError` while an export uses the key."""
    with transaction.atomic():
        row = locked(EncryptionKey, project, name, version)
        refuse_used(name, uses_in(project).keys.get(name, []))
        row.delete()


def _usable(records: Records, text: str) -> KeyFacts:
    scratch = str(records.home.scratch)
    OpenPgpEncryption({"keys": [text], "scratch": scratch}).check()
    return read_key(text, scratch)
