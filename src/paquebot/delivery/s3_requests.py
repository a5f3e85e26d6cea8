"""The questions one asks an S3-compatible store, signed, and what its refusals mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote_plus

from paquebot.delivery.http_link import Answer
from paquebot.delivery.problems import (
    BUSY,
    CHANGED_ON_THE_WAY,
    CLOCK_WRONG,
    NAME_TAKEN,
    NO_SPACE,
    PERMISSION_DENIED,
    REFUSED,
    SIGN_IN_REFUSED,
    UNUSABLE_NAME,
)
from paquebot.delivery.s3_signing import EMPTY_SHA256, Question, Signer, written
from paquebot.delivery.store_requests import StoreRequests
from paquebot.delivery.xml_answers import between, fields
from paquebot.errors import Problem

BUCKET_MISSING = Problem(
    "delivery.bucket_missing",
    "There is no bucket “{bucket}” at {place}, or not in this region.",
    "Check the name of the bucket and its region, or have it created.",
)


class S3Requests(StoreRequests):
    """Asks one store about one bucket. A key is written as it is; a copy for another thread is made with `another`."""

    HOLDER = "bucket"

    def __init__(self, options: Mapping[str, Any], clock: Callable[[], datetime]) -> None:
        super().__init__(options, clock, options["endpoint"] or f"https://s3.{options['region']}.amazonaws.com")
        self._signer = Signer(options["access_key"], options["secret_key"], options["region"])

    def another(self) -> S3Requests:
        """The same over a connection of its own."""
        return S3Requests(self.options, self._clock)

    def listed(self, beginning: str) -> list[str]:
        """The names of the objects that begin with `beginning`. Raises what a refusal means."""
        asked = {"list-type": "2", "prefix": beginning}
        found = self.entries(asked, "continuation-token", "Contents", strictly=True)
        return [keys(entry, "Key")[0] for entry in found]

    def entries(self, query: Mapping[str, str], follow: str, element: str, *, strictly: bool = False) -> list[str]:
        """The entries of a listing, page after page; none where listing is not allowed, unless `strictly`: then it raises."""
        found: list[str] = []
        more: dict[str, str] = {}
        while True:
            answer = self.ask("GET", "", {**query, **more, "encoding-type": "url"})
            if answer.status != 200:
                if strictly:
                    self.require(answer, "")
                return found
            found += between(answer.text, element)
            more = _next_page(answer, follow)
            if not more:
                return found

    def source(self, key: str) -> str:
        """How a copy names what is copied."""
        return f"/{quote(self.options['bucket'])}/{quote(key, safe='/~')}"

    def meaning(self, answer: Answer) -> Problem:
        code = next(iter(fields(answer.text, "Code")), "")
        return _CODES.get(code) or _STATUSES.get(answer.status, REFUSED)

    def _signed(
        self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> tuple[str, dict[str, str]]:
        path = self._path(key)
        digest = hashlib.sha256(body).hexdigest() if body else EMPTY_SHA256
        signed = self._signer.signed(
            Question(method, path, query, {"Host": self._link.authority, **headers}, digest), self._clock()
        )
        del signed["Host"]  # the link says it by itself
        return f"{path}?{written(query)}" if query else path, signed


def _next_page(answer: Answer, follow: str) -> dict[str, str]:
    if "<IsTruncated>true" not in answer.text:
        return {}
    if follow == "continuation-token":
        return {follow: fields(answer.text, "NextContinuationToken")[0]}
    marks = {"key-marker": keys(answer.text, "NextKeyMarker"), "upload-id-marker": fields(answer.text, "NextUploadIdMarker")}
    return {name: values[0] for name, values in marks.items() if values}


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part of an upload that was cut off, as the store holds it: its mark, its size and its checksum where there is one."""

    number: int
    tag: str
    size_bytes: int
    checksum: str


def stored_parts(requests: S3Requests, key: str, upload: str) -> list[StoredPart]:
    """The parts of `upload` from the first on, without a gap."""
    found: list[StoredPart] = []
    after = "0"
    while after:
        answer = requests.ask("GET", key, {"uploadId": upload, "part-number-marker": after})
        if answer.status != 200:
            return []
        found += [_stored_part(entry) for entry in between(answer.text, "Part")]
        cut = "<IsTruncated>true" in answer.text
        after = next(iter(fields(answer.text, "NextPartNumberMarker")), "") if cut else ""
    found.sort(key=lambda part: part.number)
    return [part for place, part in enumerate(found, 1) if part.number == place]


def _stored_part(entry: str) -> StoredPart:
    first = {name: next(iter(fields(entry, name)), "") for name in ("PartNumber", "ETag", "Size", "ChecksumSHA256")}
    return StoredPart(int(first["PartNumber"]), first["ETag"], int(first["Size"]), first["ChecksumSHA256"])


def keys(text: str, element: str) -> list[str]:
    """The names in every `element` of an answer that was asked for with “encoding-type=url”."""
    return [unquote_plus(content) for content in fields(text, element)]


_CODES: Mapping[str, Problem] = {
    "AccessDenied": PERMISSION_DENIED,
    "AllAccessDisabled": PERMISSION_DENIED,
    "InvalidAccessKeyId": SIGN_IN_REFUSED,
    "SignatureDoesNotMatch": SIGN_IN_REFUSED,
    "InvalidToken": SIGN_IN_REFUSED,
    "ExpiredToken": SIGN_IN_REFUSED,
    "NoSuchBucket": BUCKET_MISSING,
    "PermanentRedirect": BUCKET_MISSING,
    "AuthorizationHeaderMalformed": BUCKET_MISSING,
    "PreconditionFailed": NAME_TAKEN,
    "ConditionalRequestConflict": NAME_TAKEN,
    "SlowDown": BUSY,
    "BadDigest": CHANGED_ON_THE_WAY,
    "XAmzContentSHA256Mismatch": CHANGED_ON_THE_WAY,
    "RequestTimeTooSkewed": CLOCK_WRONG,
    "QuotaExceeded": NO_SPACE,
    "EntityTooLarge": NO_SPACE,
    "KeyTooLongError": UNUSABLE_NAME,
}
_STATUSES: Mapping[int, Problem] = {
    401: SIGN_IN_REFUSED,
    403: PERMISSION_DENIED,
    404: BUCKET_MISSING,
    412: NAME_TAKEN,
    429: BUSY,
    500: BUSY,
    502: BUSY,
    503: BUSY,
    504: BUSY,
    507: NO_SPACE,
}
