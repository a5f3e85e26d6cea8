"""Changing the installation's key: what the old one sealed is sealed by the new one, all of it or nothing.

Receipts signed before stay verifiable: the public half of every signing key there ever was is kept in `ReceiptKey`, where the
one that is not retired also tells a process that was started with another key.

The new key lies in `keys/master.key.next` until the transaction is committed, then takes the place of `keys/master.key`. A
process killed in between leaves both; whoever opens the installation next asks the database which one holds (`settle`).
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.apps import apps
from django.db import connection, models, transaction
from django.utils import timezone

from paquebot.errors import Problem, StoreError
from paquebot.packaging.artifact import ArtifactStore
from paquebot.records.models import ReceiptKey
from paquebot.records.secrets import ARTIFACTS, KEY_WRONG, SEALED_PREFIX, Keyring, write_key

IN_USE = Problem(
    "store.in_use",
    "{count} other connections use this installation: its key cannot be changed under them.",
    "Stop serve, worker and scheduler on every machine, wait until no command runs, and try again.",
)
KEY_GIVEN = Problem(
    "store.key_given",
    "The key of this installation comes from {origin}: Paquebot cannot write a new one there.",
    "Name a file that holds the new key (--new-key-file), and set {origin} to it afterwards.",
)
SAME_KEY = Problem("store.same_key", "The new key is the present one.", "Give another one.")
CHANGE_LOCK = 0x5041_514B
"""The advisory lock under which the key changes, and under which a change that was cut off is settled."""
NEXT = "master.key.next"


def require_own_key(keyring: Keyring) -> None:
    """Raises `StoreError` for a process that was started with another key than the installation's. The first one is kept."""
    present = ReceiptKey.objects.filter(retired_at=None)
    if not present.exists():
        ReceiptKey.objects.bulk_create([ReceiptKey(public_key=_public(keyring))], ignore_conflicts=True)
    if present.exclude(public_key=_public(keyring)).exists():
        raise StoreError(KEY_WRONG)


def receipt_keys() -> list[Ed25519PublicKey]:
    """What receipts of this installation may be signed with: the present key first."""
    kept = ReceiptKey.objects.order_by(models.F("retired_at").desc(nulls_first=True)).values_list("public_key", flat=True)
    return [Ed25519PublicKey.from_public_bytes(base64.b64decode(written)) for written in kept]


def settle(keys_folder: Path) -> None:
    """Ends a change of key that was cut off: the file of the key the database speaks for becomes the key."""
    waiting = keys_folder / NEXT
    if not waiting.exists():
        return
    with _locked():
        if not waiting.exists():
            return  # the process that was changing it has ended meanwhile
        if ReceiptKey.objects.filter(retired_at=None, public_key=_public(Keyring(waiting.read_bytes()))).exists():
            waiting.replace(keys_folder / "master.key")
        else:
            waiting.unlink()


def change_own_key(keyring: Keyring, keys_folder: Path) -> int:
    """Gives an installation that keeps its own key a new one; how many values were sealed again. Raises `StoreError`."""
    with _locked():
        fresh = Keyring(os.urandom(32))
        write_key(keys_folder / NEXT, fresh.master)
        count = _change(keyring, fresh)
        (keys_folder / NEXT).replace(keys_folder / "master.key")
        return count


def change_to(keyring: Keyring, fresh: Keyring) -> int:
    """Seals everything by a key that is kept elsewhere; how many values were sealed again. Raises `StoreError`."""
    with _locked():
        return _change(keyring, fresh)


@transaction.atomic
def _change(old: Keyring, new: Keyring) -> int:
    if old.master == new.master:
        raise StoreError(SAME_KEY)
    _require_alone()
    count = sum(_seal_again(model, old, new) for model in apps.get_app_config("records").get_models())
    ReceiptKey.objects.filter(retired_at=None).update(retired_at=timezone.now())
    ReceiptKey.objects.create(public_key=_public(new))
    _require_alone()
    return count


def _seal_again(model: type[models.Model], old: Keyring, new: Keyring) -> int:
    """Whatever of a table the old key opens, wherever it stands: no table has to be listed, and none can be forgotten."""
    count = 0
    for field in model._meta.concrete_fields:
        if field.name == "wrapped_key":
            count += _wrap_again(model, old, new)
        elif isinstance(field, models.TextField | models.CharField | models.JSONField):
            count += _seal_field_again(model, field.name, lambda value: _resealed(value, old, new))
    return count


def _seal_field_again(model: type[models.Model], name: str, resealed: Callable[[Any], Any]) -> int:
    written = models.functions.Cast(name, models.TextField())
    rows = model._default_manager.annotate(written=written).filter(written__contains=SEALED_PREFIX)
    count = 0
    for key, value in rows.values_list("pk", name).iterator():
        if (fresh := resealed(value)) != value:
            count += model._default_manager.filter(pk=key).update(**{name: fresh})
    return count


def _resealed(value: Any, old: Keyring, new: Keyring) -> Any:
    if isinstance(value, dict):
        return {name: _resealed(part, old, new) for name, part in value.items()}
    if isinstance(value, list):
        return [_resealed(part, old, new) for part in value]
    if isinstance(value, str) and value.startswith(SEALED_PREFIX):
        try:
            return new.seal(old.unseal(value).reveal())
        except (StoreError, ValueError):
            return value  # somebody's own text that happens to begin alike: what we sealed is authenticated
    return value


def _wrap_again(model: type[models.Model], old: Keyring, new: Keyring) -> int:
    """Keys of sealed files: the files stay as they are."""
    before, after = (ArtifactStore(Path(), keyring.key(ARTIFACTS)) for keyring in (old, new))
    count = 0
    for key, location, wrapped in model._default_manager.exclude(wrapped_key="").values_list("pk", "location", "wrapped_key"):
        fresh = after.wrap(before.unwrap(wrapped, location), location)
        count += model._default_manager.filter(pk=key).update(wrapped_key=fresh)
    return count


def _require_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and usename = current_user"
            " and backend_type = 'client backend' and pid <> pg_backend_pid()"
        )
        count = cursor.fetchone()[0]
    if count:
        raise StoreError(IN_USE, count=count)


@contextmanager
def _locked() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", [CHANGE_LOCK])
        try:
            yield
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", [CHANGE_LOCK])


def _public(keyring: Keyring) -> str:
    return base64.b64encode(keyring.signing_key().public_key().public_bytes_raw()).decode()
