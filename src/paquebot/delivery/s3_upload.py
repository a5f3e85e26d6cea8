"""Sending one object: at once when it is small, else in parts that travel at the same time. Memory is bounded by the parts
under way."""

from __future__ import annotations

import base64
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue

from paquebot.delivery.problems import REFUSED
from paquebot.delivery.s3_requests import S3Requests, fields
from paquebot.errors import DeliveryError

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
        parts = _gathered(blocks, self._part_bytes)
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

    def _in_parts(self, *parts: Iterator[bytes]) -> int:
        begun = self._requests.ask("POST", self._key, {"uploads": ""}, headers={"x-amz-checksum-algorithm": "SHA256"})
        self._requests.require(begun, self._key)
        with _Parts(self._requests, self._key, fields(begun.text, "UploadId")[0]) as upload:
            accepted = 0
            digests = []
            for several in parts:
                for part in several:
                    self._digest.update(part)
                    digest = hashlib.sha256(part).digest()
                    digests.append(digest)
                    upload.put(part, {"x-amz-checksum-sha256": _encoded(digest)})
                    accepted += len(part)
            upload.complete()
        self.checksum = f"{_encoded(hashlib.sha256(b''.join(digests)).digest())}-{len(digests)}"
        return accepted


def copy_in_parts(requests: S3Requests, source: str, key: str, size_bytes: int, *, replace: bool) -> None:
    """What one copy may not hold is copied in ranges; the new object appears when all of them are there."""
    begun = requests.ask("POST", key, {"uploads": ""})
    requests.require(begun, key)
    with _Parts(requests, key, fields(begun.text, "UploadId")[0]) as upload:
        for start in range(0, size_bytes, _COPIED_BYTES):
            last = min(start + _COPIED_BYTES, size_bytes) - 1
            wanted = {"x-amz-copy-source": requests.source(source), "x-amz-copy-source-range": f"bytes={start}-{last}"}
            upload.put(b"", wanted)
        upload.complete({} if replace else {"If-None-Match": "*"})


class _Parts:
    """Parts under way; leaving it without `complete` aborts all of them."""

    def __init__(self, requests: S3Requests, key: str, upload: str) -> None:
        self._requests, self._key, self._upload = requests, key, upload
        at_once = requests.options["parts_at_once"]
        self._free: SimpleQueue[S3Requests] = SimpleQueue()
        self._links = [requests.another() for _ in range(at_once)]
        for link in self._links:
            self._free.put(link)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="s3-part")
        self._waiting: deque[Future[tuple[str, str]]] = deque()
        self._done: list[tuple[str, str]] = []
        self._count = 0
        self._whole = False

    def __enter__(self) -> _Parts:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for link in self._links:
            link.close()
        if not self._whole:
            # What went wrong is on its way up; parts that cannot be aborted now are found by the next run.
            try:
                self._requests.ask("DELETE", self._key, {"uploadId": self._upload})
            except DeliveryError:
                return

    def put(self, content: bytes, headers: dict[str, str]) -> None:
        """Sets a part going, once there is room; raises what an earlier one met."""
        while len(self._waiting) >= len(self._links):
            self._done.append(self._waiting.popleft().result())
        self._count += 1
        self._waiting.append(self._pool.submit(self._put, self._count, content, headers))

    def complete(self, headers: dict[str, str] | None = None) -> None:
        self._done += [part.result() for part in self._waiting]
        listed = "".join(
            f"<Part>{checksum and f'<ChecksumSHA256>{checksum}</ChecksumSHA256>'}<ETag>{tag}</ETag>"
            f"<PartNumber>{number}</PartNumber></Part>"
            for number, (tag, checksum) in enumerate(self._done, 1)
        )
        body = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        answer = self._requests.ask("POST", self._key, {"uploadId": self._upload}, headers=headers or {}, body=body)
        # A completion that fails late answers 200 all the same, with an error inside.
        if answer.status != 200 or "<Error>" in answer.text:
            raise self._requests.error(answer, self._key)
        self._whole = True

    def _put(self, number: int, content: bytes, headers: dict[str, str]) -> tuple[str, str]:
        link = self._free.get()
        try:
            query = {"partNumber": str(number), "uploadId": self._upload}
            answer = link.ask("PUT", self._key, query, headers=headers, body=content)
            link.require(answer, self._key)
        finally:
            self._free.put(link)
        tag = answer.headers.get("etag") or next(iter(fields(answer.text, "ETag")), "")
        if not tag:
            raise self._requests.problem(REFUSED, self._key)
        return tag, headers.get("x-amz-checksum-sha256", "")


def _gathered(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The same bytes in parts of `size`, the last one shorter."""
    held = bytearray()
    for block in blocks:
        held += block
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)


def _encoded(digest: bytes) -> str:
    return base64.b64encode(digest).decode()
