"""S3-compatible object stores: Amazon's, and those that speak its language (Ceph, MinIO, SeaweedFS, Garage …).

An object appears whole or not at all, whatever its size. It is still sent under a hidden name and compared there; publishing
copies it to its final name inside the store, in one step, and removes the hidden one. A large file goes in parts, several at a
time, each with its SHA-256, which the store checks. Parts that never became a file cost money and show nowhere: a
later attempt goes on with them, and they are aborted with their hidden name when there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from paquebot.delivery import stages
from paquebot.delivery.base import BANDWIDTH, STAGING_FOLDER, Capabilities, Destination
from paquebot.delivery.http_link import URL_OPTIONS
from paquebot.delivery.problems import FILE_MISSING, NAME_TAKEN, PARTIAL_DIFFERS, SIGN_IN_REFUSED
from paquebot.delivery.s3_requests import BUCKET_MISSING, S3Requests, StoredPart, keys, stored_parts
from paquebot.delivery.s3_upload import Upload, copy_in_parts
from paquebot.delivery.xml_answers import fields
from paquebot.flow import Blocks, Remainder
from paquebot.options import Option

_LARGEST_COPY = 5 << 30
"""What one copy may hold (Amazon's limit); a larger object is copied in parts."""


class S3Destination(Destination):
    """A bucket of an S3-compatible store."""

    NAME = "s3"
    OPTIONS = (
        Option(
            "endpoint",
            "The address of the store (https://…); Amazon's own for the region when left out.",
            label="Store",
        ),
        Option("region", "The region the bucket lies in.", label="Region", default="us-east-1"),
        Option("bucket", "The name of the bucket.", label="Bucket", required=True),
        Option("access_key", "The identifier of the access key.", label="Access key", required=True),
        Option("secret_key", "The secret of the access key.", label="Secret key", secret=True, required=True),
        *URL_OPTIONS,
        Option(
            "part_mebibytes",
            "The size of the parts a large file is sent in.",
            kind="integer",
            default=8,
            least=5,
            most=512,
            tuning=True,
        ),
        Option(
            "parts_at_once", "How many parts travel at the same time.", kind="integer", default=4, least=1, most=16, tuning=True
        ),
        BANDWIDTH,
        STAGING_FOLDER,
    )
    CAPABILITIES = Capabilities(
        atomic_publish=True, read_back=True, server_digest=True, listing=True, folders=False, resumes=True
    )

    def __init__(self, options: Mapping[str, Any], clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(options)
        self._clock = clock

    def __enter__(self) -> Self:
        self._requests = S3Requests(self.options, self._clock)
        self._sent: dict[str, tuple[str, str]] = {}
        self._requests.connect()
        stages.begin(stages.SIGN_IN)
        # The bucket is asked for the one thing that needs no right but that of knowing it.
        answer = self._requests.ask("GET", "", {"list-type": "2", "max-keys": "1"})
        if answer.status != 200:
            error = self._requests.error(answer, "")
            if error.problem in (SIGN_IN_REFUSED, BUCKET_MISSING) or answer.status != 403:
                self._requests.close()
                raise error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._requests.close()

    @property
    def identity(self) -> Mapping[str, str]:
        known = {
            "store": self._requests.place,
            "region": self.options["region"],
            "bucket": self.options["bucket"],
            "certificate": self._requests.certificate,
        }
        return {name: value for name, value in known.items() if value}

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        self.require_free(path)
        upload = Upload(self._requests, _key(path), size_bytes)
        accepted = upload.send(blocks)
        self._sent[path] = (upload.checksum, upload.sha256)
        return accepted

    def partial(self, path: str) -> int:
        whole = self.size(path)
        return sum(part.size_bytes for part in self._cut_off(path)[1]) if whole is None else whole

    def resume(self, path: str, rest: Remainder, size_bytes: int) -> int:
        """Each part the store holds is compared by its checksum. A file that is whole already is left to be compared."""
        whole = self.size(path)
        if whole is not None:
            return whole
        upload = Upload(self._requests, _key(path), size_bytes)
        name, stored = self._cut_off(path)
        accepted = upload.resume(name, stored, rest)
        if accepted is None:
            raise self._requests.problem(PARTIAL_DIFFERS, path)
        self._sent[path] = (upload.checksum, upload.sha256)
        return accepted

    def size(self, path: str) -> int | None:
        answer = self._requests.ask("HEAD", _key(path))
        if answer.status == 404:
            return None
        self._requests.require(answer, path)
        return int(answer.headers.get("content-length", "0"))

    def digest(self, path: str) -> str | None:
        """The store tells the checksum it computed when the object was sent. That of parts is a digest of digests: it vouches
        for the whole where this very destination computed the same one while sending."""
        answer = self._requests.ask("HEAD", _key(path), headers={"x-amz-checksum-mode": "ENABLED"})
        told = answer.headers.get("x-amz-checksum-sha256", "")
        checksum, sha256 = self._sent.get(path, ("", ""))
        return sha256 if told and told == checksum else None

    def names(self, folder: str) -> list[str]:
        prefix = f"{_key(folder)}/" if _key(folder) else ""
        objects = self._requests.entries(
            {"list-type": "2", "prefix": prefix, "delimiter": "/"}, "continuation-token", "Contents"
        )
        unfinished = self._requests.entries({"uploads": "", "prefix": prefix, "delimiter": "/"}, "key-marker", "Upload")
        return sorted({keys(entry, "Key")[0].removeprefix(prefix) for entry in (*objects, *unfinished)})

    def read(self, path: str) -> Blocks:
        answer, blocks = self._requests.open(_key(path))
        if answer.status == 404:
            raise self._requests.problem(FILE_MISSING, path)
        self._requests.require(answer, path)
        yield from blocks

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        size = self.size(temporary)
        if size is None:
            raise self._requests.problem(FILE_MISSING, temporary)
        if not replace:
            self.require_free(final)
        if size > _LARGEST_COPY:
            copy_in_parts(self._requests, _key(temporary), _key(final), size, replace=replace)
        else:
            self._copy(temporary, final, replace=replace)
        self.remove(temporary)

    def remove(self, path: str) -> None:
        answer = self._requests.ask("DELETE", _key(path))
        if answer.status != 404:
            self._requests.require(answer, path)
        for upload in self._uploads(path):
            self._requests.ask("DELETE", _key(path), {"uploadId": upload})

    def _uploads(self, path: str) -> list[str]:
        """The uploads to `path` that never became a file, as the store lists them."""
        listed = self._requests.entries({"uploads": "", "prefix": _key(path)}, "key-marker", "Upload")
        return [fields(upload, "UploadId")[0] for upload in listed if keys(upload, "Key")[0] == _key(path)]

    def _cut_off(self, path: str) -> tuple[str, list[StoredPart]]:
        """The upload to `path` that came furthest, and its parts."""
        found = [(name, stored_parts(self._requests, _key(path), name)) for name in self._uploads(path)]
        return max(found, key=lambda upload: len(upload[1]), default=("", []))

    def _copy(self, temporary: str, final: str, *, replace: bool) -> None:
        headers = {"x-amz-copy-source": self._requests.source(_key(temporary))}
        answer = self._requests.ask("PUT", _key(final), headers=headers | ({} if replace else {"If-None-Match": "*"}))
        if answer.status == 501 and not replace:
            # Not every store knows a copy under a condition; the name was looked at just before.
            answer = self._requests.ask("PUT", _key(final), headers=headers)
        if answer.status == 412:
            raise self._requests.problem(NAME_TAKEN, final)
        # A copy that fails half way answers 200 all the same, with an error inside (Amazon's CopyObject).
        if answer.status != 200 or "<Error>" in answer.text:
            raise self._requests.error(answer, final)


def _key(path: str) -> str:
    return path.strip("/")
