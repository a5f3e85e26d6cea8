"""Sending one object: at once when it is small, else in parts that travel at the same time. Memory is bounded by the parts
under way."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from paquebot.delivery.lanes import Lanes, gathered
from paquebot.delivery.problems import REFUSED
from paquebot.delivery.s3_requests import S3Requests, StoredPart
from paquebot.delivery.xml_answers import fields
from paquebot.errors import DeliveryError
from paquebot.flow import Remainder

_MOST_PARTS = 10_000
_COPIED_BYTES = 1 << 30


class Upload:
    """One new object. After `send`: `checksum`, as the store should tell it, and `sha256` of all that was sent."""

    def __init__(self, requests: S3Requests, key: str, size_bytes: int) -> None:
        self._requests, self._key = requests, key
        self._part_bytes = max(requests.options["part_mebibytes"] << 20, -(-size_bytes // _MOST_PARTS))
        self._digest = hashlib.sha256()
        self.checksum = ""

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def send(self, blocks: Iterable[bytes]) -> int:
        parts = gathered(blocks, self._part_bytes)
        first = next(parts, b"")
        second = next(parts, None)
        if second is None:
            return self._at_once(first)
        return self._in_parts(iter((first, second)), parts)

    def _at_once(self, content: bytes) -> int:
        self._digest.update(content)
        self.checksum = _encoded(self._digest.digest())
        headers = {"x-amz-checksum-sha256": self.checksum, "If-None-Match": "*"}
        answer = self._requests.ask("PUT", self._key, headers=headers, body=content)
        self._requests.require(answer, self._key)
        return len(content)

    def resume(self, upload: str, stored: Sequence[StoredPart], rest: Remainder) -> int | None:
        """Goes on with an upload that was cut off; None when what the store holds is not the beginning of `rest`."""
        digests, known = [], []
        for part in stored:
            whole, content = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
            for block in rest.passed_over(part.size_bytes):
                for digest in (whole, content, self._digest):
                    digest.update(block)
            if part.checksum != _encoded(whole.digest()) and part.tag.strip('"') != content.hexdigest():
                return None
            digests.append(whole.digest())
            known.append(replace(part, checksum=_encoded(whole.digest())))
        with _Parts(self._requests, self._key, upload, known) as parts:
            accepted = sum(part.size_bytes for part in stored)
            return accepted + self._put_all(parts, digests, gathered(rest, self._part_bytes))

    def _in_parts(self, *parts: Iterator[bytes]) -> int:
        begun = self._requests.ask("POST", self._key, {"uploads": ""}, headers={"x-amz-checksum-algorithm": "SHA256"})
        self._requests.require(begun, self._key)
        with _Parts(self._requests, self._key, fields(begun.text, "UploadId")[0]) as upload:
            return self._put_all(upload, [], chain(*parts))

    def _put_all(self, upload: _Parts, digests: list[bytes], parts: Iterable[bytes]) -> int:
        accepted = 0
        for part in parts:
            self._digest.update(part)
            digests.append(hashlib.sha256(part).digest())
            upload.put(part, {"x-amz-checksum-sha256": _encoded(digests[-1])})
            accepted += len(part)
        upload.complete()
        self.checksum = f"{_encoded(hashlib.sha256(b''.join(digests)).digest())}-{len(digests)}"
        return accepted


def copy_in_parts(requests: S3Requests, source: str, key: str, size_bytes: int, *, replace: bool) -> None:
    """What one copy may not hold is copied in ranges; the new object appears when all of them are there."""
    begun = requests.ask("POST", key, {"uploads": ""})
    requests.require(begun, key)
    with _Parts(requests, key, fields(begun.text, "UploadId")[0], keeps=False) as upload:
        for start in range(0, size_bytes, _COPIED_BYTES):
            last = min(start + _COPIED_BYTES, size_bytes) - 1
            wanted = {"x-amz-copy-source": requests.source(source), "x-amz-copy-source-range": f"bytes={start}-{last}"}
            upload.put(b"", wanted)
        upload.complete({} if replace else {"If-None-Match": "*"})


class _Parts:
    """Parts under way. Without `complete` they stay for a later attempt, or until the name is removed; unless `keeps` is
    False: then they are aborted."""

    def __init__(
        self, requests: S3Requests, key: str, upload: str, stored: Sequence[StoredPart] = (), *, keeps: bool = True
    ) -> None:
        self._requests, self._key, self._upload = requests, key, upload
        self._lanes: Lanes[S3Requests, tuple[str, str]] = Lanes(
            [requests.another() for _ in range(requests.options["parts_at_once"])]
        )
        self._stored = [(part.tag, part.checksum) for part in stored]
        self._count = len(stored)
        self._to_abort = not keeps

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self._lanes.__exit__()
        if self._to_abort:
            # What went wrong is on its way up.
            try:
                self._requests.ask("DELETE", self._key, {"uploadId": self._upload})
            except DeliveryError:
                return

    def put(self, content: bytes, headers: dict[str, str]) -> None:
        """Sets a part going, once there is room; raises what an earlier one met."""
        self._count += 1
        self._lanes.put(partial(self._put, self._count, content, headers))

    def complete(self, headers: dict[str, str] | None = None) -> None:
        listed = "".join(
            f"<Part>{checksum and f'<ChecksumSHA256>{checksum}</ChecksumSHA256>'}<ETag>{tag}</ETag>"
            f"<PartNumber>{number}</PartNumber></Part>"
            for number, (tag, checksum) in enumerate([*self._stored, *self._lanes.finished()], 1)
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        answer = self._requests.ask("POST", self._key, {"uploadId": self._upload}, headers=headers or {}, body=body)
        # A completion that fails late answers 200 all the same, with an error inside.
        if answer.status != 200 or "<Error>" in answer.text:
            raise self._requests.error(answer, self._key)
        self._to_abort = False

    def _put(self, number: int, content: bytes, headers: dict[str, str], link: S3Requests) -> tuple[str, str]:
        query = {"partNumber": str(number), "uploadId": self._upload}
        answer = link.ask("PUT", self._key, query, headers=headers, body=content)
        link.require(answer, self._key)
        tag = answer.headers.get("etag") or next(iter(fields(answer.text, "ETag")), "")
        if not tag:
            raise self._requests.problem(REFUSED, self._key)
        return tag, headers.get("x-amz-checksum-sha256", "")


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
