"""The storage that machines share: `PAQUEBOT_STORAGE=s3://bucket/beginning`, a bucket of any S3-compatible store.

`?endpoint=https://…` names a store that is not Amazon's, `&region=…` its region; who signs in stands in `AWS_ACCESS_KEY_ID` and
`AWS_SECRET_ACCESS_KEY`. All that lies there was encrypted before: sealed artifacts, and the encrypted files of lakes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from paquebot.delivery.problems import NAME_TAKEN
from paquebot.delivery.s3 import S3Destination
from paquebot.delivery.s3_requests import S3Requests
from paquebot.delivery.s3_upload import Upload
from paquebot.errors import DeliveryError, Problem, StoreError
from paquebot.flow import BLOCK_BYTES
from paquebot.mirror import Depot, Mirror
from paquebot.options import DefinitionError, read

VARIABLE = "PAQUEBOT_STORAGE"
BAD_STORAGE = Problem(
    "store.bad_storage",
    "PAQUEBOT_STORAGE is not an address of a bucket.",
    "Write it as s3://BUCKET/BEGINNING, with ?endpoint=https://STORE&region=REGION for a store that is not Amazon's.",
)
NO_STORAGE_KEY = Problem(
    "store.no_storage_key",
    "PAQUEBOT_STORAGE is set, but not who signs in there.",
    "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
)
KEY_NOT_SHARED = Problem(
    "store.key_not_shared",
    "PAQUEBOT_STORAGE is set, but the secret key is this machine's own: no other could open what it keeps there.",
    "Set PAQUEBOT_SECRET_KEY or PAQUEBOT_SECRET_KEY_FILE, to the same key on every machine.",
)
STORAGE_FAILED = Problem(
    "store.storage_failed",
    "The shared storage at {place} did not do what it was asked ({reason}).",
    "Check that it runs, that PAQUEBOT_STORAGE and its keys are right, and that there is room.",
    retryable=True,
)


@dataclass(frozen=True, slots=True)
class S3Depot:
    """A bucket, below `beginning` (empty, or ending with a slash). Each verb has a connection of its own."""

    options: Mapping[str, Any] = field(repr=False)
    beginning: str = ""

    def keep(self, name: str, file: Path) -> None:
        with self._asking() as requests, file.open("rb") as opened:
            try:
                Upload(requests, self._key(name), file.stat().st_size).send(iter(lambda: opened.read(BLOCK_BYTES), b""))
            except DeliveryError as error:
                if error.problem is not NAME_TAKEN:
                    raise

    def fetch(self, name: str, file: Path) -> bool:
        with self._asking() as requests:
            answer, blocks = requests.open(self._key(name))
            if answer.status == 404:
                return False
            requests.require(answer, name)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target:
                for block in blocks:
                    target.write(block)
        return True

    def remove(self, name: str) -> None:
        with self._asking() as requests:
            answer = requests.ask("DELETE", self._key(name))
            if answer.status != 404:
                requests.require(answer, name)

    def names(self, beginning: str) -> list[str]:
        with self._asking() as requests:
            found = requests.listed(self._key(beginning))
        return [name.removeprefix(self.beginning) for name in found]

    def _key(self, name: str) -> str:
        return f"{self.beginning}{name}"

    @contextmanager
    def _asking(self) -> Iterator[S3Requests]:
        requests = S3Requests(self.options, lambda: datetime.now(UTC))
        try:
            yield requests
        except DeliveryError as error:
            raise StoreError(STORAGE_FAILED, place=requests.place, reason=error.code) from error
        finally:
            requests.close()


def depot_from(environment: Mapping[str, str] = os.environ) -> Depot | None:
    """The storage an administrator named; None when everything stays on this machine. Raises `StoreError`."""
    written = environment.get(VARIABLE)
    if not written:
        return None
    address = urlsplit(written)
    asked = {name: values[-1] for name, values in parse_qs(address.query).items()}
    if address.scheme != "s3" or not address.netloc or asked.keys() - {"endpoint", "region"}:
        raise StoreError(BAD_STORAGE)
    if not environment.get("AWS_ACCESS_KEY_ID") or not environment.get("AWS_SECRET_ACCESS_KEY"):
        raise StoreError(NO_STORAGE_KEY)
    if not environment.get("PAQUEBOT_SECRET_KEY") and not environment.get("PAQUEBOT_SECRET_KEY_FILE"):
        raise StoreError(KEY_NOT_SHARED)
    beginning = address.path.strip("/")
    return S3Depot(_options(address.netloc, asked, environment), f"{beginning}/" if beginning else "")


def _options(bucket: str, asked: Mapping[str, str], environment: Mapping[str, str]) -> Mapping[str, Any]:
    from paquebot.credentials import Secret

    endpoint = asked.get("endpoint") or environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    region = asked.get("region") or environment.get("AWS_REGION")
    written = {
        "bucket": bucket,
        "access_key": environment["AWS_ACCESS_KEY_ID"],
        "secret_key": Secret(environment["AWS_SECRET_ACCESS_KEY"]),
        **({"endpoint": endpoint, "unprotected": endpoint.startswith("http://")} if endpoint else {}),
        **({"region": region} if region else {}),
    }
    try:
        return read(S3Destination.OPTIONS, written)
    except DefinitionError as error:
        raise StoreError(BAD_STORAGE) from error


def mirror_of(depot: Depot | None, beginning: str) -> Mirror | None:
    """What keeps a folder in step with the depot; None without one."""
    return Mirror(depot, beginning) if depot is not None else None
