"""The questions one asks a container of Azure Blob Storage, signed, and what its refusals mean.

Source: learn.microsoft.com/rest/api/storageservices/blob-service-rest-api.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from paquebot.delivery.azure_signing import Question, Signer, signer_of
from paquebot.delivery.http_link import Answer
from paquebot.delivery.problems import (
    BUSY,
    CHANGED_ON_THE_WAY,
    CLOCK_WRONG,
    CREDENTIALS_EXPIRED,
    FILE_MISSING,
    NAME_TAKEN,
    NO_SPACE,
    PERMISSION_DENIED,
    REFUSED,
    SIGN_IN_REFUSED,
    UNUSABLE_NAME,
)
from paquebot.delivery.store_requests import StoreRequests
from paquebot.delivery.xml_answers import between, fields
from paquebot.errors import Problem

CONTAINER_MISSING = Problem(
    "delivery.container_missing",
    "There is no container “{container}” at {place}.",
    "Check the names of the account and of the container, or have it created.",
)
_VERSION = "2021-12-02"
_MOST_SKEW = timedelta(minutes=15)
"""A request signed longer ago, or later from now, is refused."""


class AzureRequests(StoreRequests):
    """Asks one account about one container. A copy for another thread is made with `another`."""

    HOLDER = "container"

    def __init__(self, options: Mapping[str, Any], clock: Callable[[], datetime], signer: Signer | None = None) -> None:
        super().__init__(options, clock, options["endpoint"] or f"https://{options['account']}.blob.core.windows.net")
        self._signer = signer or signer_of(options)

    def another(self) -> AzureRequests:
        """The same over a connection of its own."""
        return AzureRequests(self.options, self._clock, self._signer)

    def listed(self, prefix: str, delimiter: str = "/", include: str = "uncommittedblobs") -> list[str]:
        """The names in a folder, also of blobs that never became one; none where listing is not allowed."""
        asked = {"restype": "container", "comp": "list", "prefix": prefix, "delimiter": delimiter, "include": include}
        found: list[str] = []
        marker = ""
        while True:
            answer = self.ask("GET", "", {**asked, "marker": marker} if marker else asked)
            if answer.status != 200:
                return found
            found += [fields(entry, "Name")[0] for entry in between(answer.text, "Blob")]
            marker = next(iter(fields(answer.text, "NextMarker")), "")
            if not marker:
                return found

    def source(self, key: str) -> str:
        """The address a copy names, with what lets the store read it."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{self._link.authority}{self._path(key)}{self._signer.granted()}"

    def meaning(self, answer: Answer) -> Problem:
        code = answer.headers.get("x-ms-error-code") or next(iter(fields(answer.text, "Code")), "")
        told = _CODES.get(code) or _STATUSES.get(answer.status, REFUSED)
        return self._dated(told, answer) if told in (SIGN_IN_REFUSED, PERMISSION_DENIED) else told

    def _dated(self, told: Problem, answer: Answer) -> Problem:
        """A signature is refused alike whether it is wrong, over, or made by a wrong clock: the store's own time tells."""
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return told
        theirs = theirs if theirs.tzinfo else theirs.replace(tzinfo=UTC)
        if self._signer.ended(theirs):
            return CREDENTIALS_EXPIRED
        return CLOCK_WRONG if told is SIGN_IN_REFUSED and abs(theirs - self._clock()) > _MOST_SKEW else told

    def _signed(
        self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> tuple[str, dict[str, str]]:
        path = self._path(key)
        question = Question(method, path, query, {"x-ms-version": _VERSION, **headers}, len(body))
        asked, signed = self._signer.signed(question, self._clock())
        written = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in asked.items())
        return f"{path}?{written}" if written else path, signed


_CODES: Mapping[str, Problem] = {
    "AuthenticationFailed": SIGN_IN_REFUSED,
    "InvalidAuthenticationInfo": SIGN_IN_REFUSED,
    "NoAuthenticationInformation": SIGN_IN_REFUSED,
    "AccountIsDisabled": SIGN_IN_REFUSED,
    "AuthorizationFailure": PERMISSION_DENIED,
    "AuthorizationPermissionMismatch": PERMISSION_DENIED,
    "BlobImmutableDueToPolicy": PERMISSION_DENIED,
    "ContainerNotFound": CONTAINER_MISSING,
    "ContainerBeingDeleted": CONTAINER_MISSING,
    "BlobNotFound": FILE_MISSING,
    "BlobAlreadyExists": NAME_TAKEN,
    "ConditionNotMet": NAME_TAKEN,
    "TargetConditionNotMet": NAME_TAKEN,
    "LeaseIdMissing": BUSY,
    "Md5Mismatch": CHANGED_ON_THE_WAY,
    "InvalidResourceName": UNUSABLE_NAME,
    "InvalidUri": UNUSABLE_NAME,
    "RequestBodyTooLarge": NO_SPACE,
    "BlockCountExceedsLimit": NO_SPACE,
}
_STATUSES: Mapping[int, Problem] = {
    401: SIGN_IN_REFUSED,
    403: PERMISSION_DENIED,
    404: CONTAINER_MISSING,
    412: NAME_TAKEN,
    429: BUSY,
    500: BUSY,
    502: BUSY,
    503: BUSY,
    504: BUSY,
}
