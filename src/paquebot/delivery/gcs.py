"""Google Cloud Storage: a bucket that files are put into.

An object appears whole or not at all. It is sent under a hidden name, and the CRC32C the store computed of what it received is
compared with that of what was sent. Publishing copies it inside the store, under the condition that the name is still free
where an existing file must stay (generation match), and removes the hidden one.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

from paquebot.delivery.base import BANDWIDTH, STAGING_FOLDER, Capabilities, Destination
from paquebot.delivery.google_link import (
    ACCOUNT_OPTIONS,
    CREDENTIALS_REFUSED,
    DIAL_SECONDS,
    NO_AMBIENT_CREDENTIALS,
    check_address,
    key_of,
    signed_in,
)
from paquebot.delivery.problems import (
    BUSY,
    CONNECTION_LOST,
    FILE_MISSING,
    NAME_TAKEN,
    PERMISSION_DENIED,
    REFUSED,
    UNUSABLE_NAME,
)
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging_keys import ZIP_PASSWORD

EXTRA_MISSING = Problem(
    "delivery.storage_extra_missing",
    "This installation cannot speak to Google Cloud Storage: Google's client is not installed.",
    "Install it beside Paquebot: pip install “paquebot[gcs]”.",
)
BUCKET_MISSING = Problem(
    "delivery.storage_bucket_missing",
    "There is no bucket “{bucket}” at {place}.",
    "Check the name of the bucket, or have it created.",
)
_SCOPES = ("https://www.googleapis.com/auth/devstorage.read_write",)
_CHUNK_BYTES = 8 << 20
"""What one request carries, up and down; memory holds no more."""
_LONGEST_NAME_BYTES = 1024
"""cloud.google.com/storage/docs/objects#naming"""


class GcsDestination(Destination):
    """One bucket, as one account."""

    NAME = "gcs"
    OPTIONS = (
        Option("bucket", "The name of the bucket.", label="Bucket", required=True),
        *ACCOUNT_OPTIONS,
        Option(
            "endpoint",
            "Another address of the service, such as a Private Service Connect endpoint.",
            default="https://storage.googleapis.com",
            check=check_address,
        ),
        BANDWIDTH,
        STAGING_FOLDER,
        ZIP_PASSWORD,
        Option(
            "stall_timeout_seconds",
            "How long a link may stand still.",
            kind="integer",
            default=60,
            least=1,
            most=3600,
            tuning=True,
        ),
    )
    CAPABILITIES = Capabilities(atomic_publish=True, read_back=True, server_crc32c=True, listing=True, folders=False)

    def __enter__(self) -> Self:
        if find_spec("google.cloud") is None or find_spec("google.cloud.storage") is None:
            raise DeliveryError(EXTRA_MISSING)
        from google.api_core.exceptions import Forbidden
        from google.cloud import storage  # type: ignore[attr-defined]  # all packages of Google share the name `google.cloud`

        self._account = "—"
        self._sent: dict[str, str] = {}
        self._patience = {"retry": None, "timeout": (DIAL_SECONDS, self.options["stall_timeout_seconds"])}
        with self._translated():
            session, self._account = signed_in(key_of(self.options), _SCOPES)
            self._client = storage.Client(
                project="-",  # only for what concerns a whole project
                credentials=session.credentials,
                _http=session,
                client_options={"api_endpoint": self.options["endpoint"]},
            )
            self._bucket = self._client.bucket(self.options["bucket"])
            try:
                # Asked for the one thing that needs no right but that of knowing the bucket.
                next(iter(self._client.list_blobs(self._bucket, max_results=1, **self._patience)), None)
            except Forbidden:
                pass  # whoever may only put files need not see them
            except BaseException:
                self._client.close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._client.close()

    @property
    def identity(self) -> Mapping[str, str]:
        return {"store": self.options["endpoint"], "bucket": self.options["bucket"], "account": self._account}

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        self.require_free(path)
        blob = self._bucket.blob(_key(path), chunk_size=_CHUNK_BYTES)
        with closing_upstream(blocks), self._translated(path):
            stream = _Stream(blocks)
            blob.upload_from_file(stream, size=size_bytes, if_generation_match=0, checksum="crc32c", **self._patience)
        self._sent[path] = stream.crc32c
        return stream.passed

    def size(self, path: str) -> int | None:
        with self._translated(path):
            blob = self._bucket.get_blob(_key(path), **self._patience)
        return None if blob is None else int(blob.size)

    def vouches(self, path: str) -> bool | None:
        if path not in self._sent:
            return None
        with self._translated(path):
            blob = self._bucket.get_blob(_key(path), **self._patience)
        return None if blob is None or not blob.crc32c else bool(blob.crc32c == self._sent[path])

    def names(self, folder: str) -> list[str]:
        from google.api_core.exceptions import Forbidden

        prefix = f"{_key(folder)}/" if _key(folder) else ""
        with self._translated(folder):
            try:
                listed = list(self._client.list_blobs(self._bucket, prefix=prefix, delimiter="/", **self._patience))
            except Forbidden:
                return []
        return [blob.name.removeprefix(prefix) for blob in listed]

    def read(self, path: str) -> Blocks:
        with self._translated(path):
            blob = self._bucket.get_blob(_key(path), **self._patience)
        if blob is None:
            raise self._error(FILE_MISSING, path)
        for start in range(0, blob.size, _CHUNK_BYTES):
            with self._translated(path):
                asked = {"start": start, "end": min(start + _CHUNK_BYTES, blob.size) - 1, "checksum": None}
                piece = blob.download_as_bytes(**asked, raw_download=True, **self._patience)
            yield from (piece[place : place + BLOCK_BYTES] for place in range(0, len(piece), BLOCK_BYTES))

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        if len(_key(final).encode()) > _LONGEST_NAME_BYTES:
            raise self._error(UNUSABLE_NAME, final)
        if not replace:
            self.require_free(final)
        with self._translated(final):
            source = self._bucket.get_blob(_key(temporary), **self._patience)
            if source is None:
                raise self._error(FILE_MISSING, temporary)
            target, token = self._bucket.blob(_key(final)), None
            while True:
                condition = {} if replace else {"if_generation_match": 0}
                token, _, _ = target.rewrite(source, token=token, **condition, **self._patience)
                if token is None:
                    break
        self.remove(temporary)

    def remove(self, path: str) -> None:
        from google.api_core.exceptions import NotFound

        with self._translated(path):
            try:
                self._bucket.blob(_key(path)).delete(**self._patience)
            except NotFound:
                return

    def _error(self, problem: Problem, path: str = "") -> DeliveryError:
        place, bucket = self.options["endpoint"], self.options["bucket"]
        return DeliveryError(problem, place=place, path=path, bucket=bucket, account=self._account)

    @contextmanager
    def _translated(self, path: str = "") -> Iterator[None]:
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
        from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
        from requests.exceptions import RequestException

        try:
            yield
        except GoogleAPICallError as error:
            raise self._error(_meaning(int(error.code or 0)), path) from error
        except InvalidResponse as error:
            raise self._error(_meaning(error.response.status_code), path) from error
        except DefaultCredentialsError as error:
            raise self._error(NO_AMBIENT_CREDENTIALS) from error
        except RefreshError as error:
            raise self._error(CREDENTIALS_REFUSED) from error
        except (DataCorruption, TransportError, RequestException, ConnectionError, TimeoutError) as error:
            raise self._error(CONNECTION_LOST, path) from error


class _Stream:
    """Blocks as a file one can read from, once; `crc32c` is that of all that was read, as the store writes it."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        import google_crc32c

        checksum: Any = google_crc32c.Checksum  # Google leaves it untyped
        self._blocks, self._held, self.passed = iter(blocks), b"", 0
        self._checksum = checksum()

    @property
    def crc32c(self) -> str:
        return base64.b64encode(self._checksum.digest()).decode()

    def read(self, size: int) -> bytes:
        pieces, missing = [], size
        while missing and (block := self._held or next(self._blocks, b"")):
            pieces.append(block[:missing])
            self._held = block[missing:]
            missing -= len(pieces[-1])
        given = b"".join(pieces)
        self._checksum.update(given)
        self.passed += len(given)
        return given

    def tell(self) -> int:
        return self.passed


_STATUSES: Mapping[int, Problem] = {
    401: CREDENTIALS_REFUSED,
    403: PERMISSION_DENIED,
    404: BUCKET_MISSING,
    409: NAME_TAKEN,
    412: NAME_TAKEN,
    429: BUSY,
}


def _meaning(status: int) -> Problem:
    return _STATUSES.get(status) or (BUSY if status >= 500 else REFUSED)


def _key(path: str) -> str:
    return path.strip("/")
