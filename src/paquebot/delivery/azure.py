"""Azure Blob Storage: a container that files are put into.

A blob appears whole or not at all: its blocks are sent first, several at a time, and become the blob in one step, refused where
the name is taken. Each block travels with its MD5, which the store checks, and bears it in its name: the list of blocks the
store tells afterwards is its own word for all the bytes, and what a cut transfer left is compared by it without reading it.
Publishing copies the hidden blob to its final name inside the store and removes the hidden one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from paquebot.delivery import stages
from paquebot.delivery.azure_requests import AzureRequests
from paquebot.delivery.azure_signing import SIGN_IN_OPTIONS
from paquebot.delivery.azure_upload import BlockUpload, committed, uncommitted
from paquebot.delivery.base import BANDWIDTH, STAGING_FOLDER, Capabilities, Destination
from paquebot.delivery.http_link import URL_OPTIONS, Answer
from paquebot.delivery.problems import BUSY, CONNECTION_LOST, FILE_MISSING, PARTIAL_DIFFERS, PERMISSION_DENIED, UNUSABLE_NAME
from paquebot.flow import Blocks, Remainder
from paquebot.options import Option
from paquebot.packaging_keys import ZIP_PASSWORD

_POLL_SECONDS = 0.5
_LONGEST_NAME = 1024
"""learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata"""


class AzureDestination(Destination):
    """One container of one storage account."""

    NAME = "azure"
    OPTIONS = (
        Option("account", "The name of the storage account.", label="Storage account", required=True),
        Option("container", "The name of the container.", label="Container", required=True),
        *SIGN_IN_OPTIONS,
        Option("endpoint", "The address of the store, where it is not that of the account in the public cloud."),
        *URL_OPTIONS,
        Option(
            "block_mebibytes",
            "The size of the blocks a file is sent in.",
            kind="integer",
            default=8,
            least=1,
            most=512,
            tuning=True,
        ),
        Option(
            "blocks_at_once",
            "How many blocks travel at the same time.",
            kind="integer",
            default=4,
            least=1,
            most=16,
            tuning=True,
        ),
        BANDWIDTH,
        STAGING_FOLDER,
        ZIP_PASSWORD,
    )
    CAPABILITIES = Capabilities(atomic_publish=True, read_back=True, server_md5=True, listing=True, folders=False, resumes=True)

    def __init__(self, options: Mapping[str, Any], clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(options)
        self._clock = clock

    def __enter__(self) -> Self:
        self._requests = AzureRequests(self.options, self._clock)
        self._sent: dict[str, list[str]] = {}
        try:
            self._requests.connect()
            stages.begin(stages.SIGN_IN)
            # The container is asked for the one thing that needs no right but that of knowing it.
            answer = self._requests.ask("GET", "", {"restype": "container", "comp": "list", "maxresults": "1"})
            if self._requests.meaning(answer) is not PERMISSION_DENIED:  # whoever may only put files need not see them
                self._requests.require(answer, "")
        except BaseException:
            self._requests.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._requests.close()

    @property
    def identity(self) -> Mapping[str, str]:
        known = {
            "store": self._requests.place,
            "account": self.options["account"],
            "container": self.options["container"],
            "certificate": self._requests.certificate,
        }
        return {name: value for name, value in known.items() if value}

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        self._require_usable(path)
        self.require_free(path)
        upload = BlockUpload(self._requests, _key(path), size_bytes)
        accepted = upload.send(blocks)
        self._sent[path] = upload.names
        return accepted

    def partial(self, path: str) -> int:
        whole = self.size(path)
        return sum(block.size_bytes for block in uncommitted(self._requests, _key(path))) if whole is None else whole

    def resume(self, path: str, rest: Remainder, size_bytes: int) -> int:
        """Each block the store holds is compared by its checksum. A file that is whole already is left to be compared."""
        whole = self.size(path)
        if whole is not None:
            return whole
        upload = BlockUpload(self._requests, _key(path), size_bytes)
        accepted = upload.resume(uncommitted(self._requests, _key(path)), rest)
        if accepted is None:
            raise self._requests.problem(PARTIAL_DIFFERS, path)
        self._sent[path] = upload.names
        return accepted

    def size(self, path: str) -> int | None:
        answer = self._requests.ask("HEAD", _key(path))
        if answer.status == 404:
            return None
        self._requests.require(answer, path)
        return int(answer.headers.get("content-length", "0"))

    def vouches(self, path: str) -> bool | None:
        """Whether the blob is made of the very blocks that were sent: the store checked the MD5 each of them bears."""
        names = self._sent.get(path)
        told = committed(self._requests, _key(path)) if names else None
        return None if told is None else [block.name for block in told] == names

    def names(self, folder: str) -> list[str]:
        prefix = f"{_key(folder)}/" if _key(folder) else ""
        return sorted({name.removeprefix(prefix) for name in self._requests.listed(prefix)})

    def read(self, path: str) -> Blocks:
        answer, blocks = self._requests.open(_key(path))
        if answer.status == 404:
            raise self._requests.problem(FILE_MISSING, path)
        self._requests.require(answer, path)
        yield from blocks

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        self._require_usable(final)
        if self.size(temporary) is None:
            raise self._requests.problem(FILE_MISSING, temporary)
        if not replace:
            self.require_free(final)
        condition = {} if replace else {"If-None-Match": "*"}
        headers = {"x-ms-copy-source": self._requests.source(_key(temporary)), **condition}
        answer = self._requests.ask("PUT", _key(final), headers=headers)
        self._requests.require(answer, final)
        self._await_copy(answer, final)
        self.remove(temporary)

    def remove(self, path: str) -> None:
        """Blocks that never became a blob are let go by a blob that is put in their place; only then can they be removed."""
        answer = self._requests.ask("DELETE", _key(path))
        if answer.status != 404:
            return self._requests.require(answer, path)
        if uncommitted(self._requests, _key(path)):
            empty = {"x-ms-blob-type": "BlockBlob", "If-None-Match": "*"}
            self._requests.require(self._requests.ask("PUT", _key(path), headers=empty), path)
            self._requests.require(self._requests.ask("DELETE", _key(path)), path)
        return None

    def _require_usable(self, path: str) -> None:
        if len(_key(path)) > _LONGEST_NAME:
            raise self._requests.problem(UNUSABLE_NAME, path)

    def _await_copy(self, answer: Answer, final: str) -> None:
        """Within one account a copy is done when it is answered; the store may nevertheless take its time, and says so."""
        told = answer.headers.get("x-ms-copy-status", "success")
        until = time.monotonic() + self.options["stall_timeout_seconds"]
        while told == "pending":
            if time.monotonic() > until:
                raise self._requests.problem(BUSY, final)
            time.sleep(_POLL_SECONDS)
            answer = self._requests.ask("HEAD", _key(final))
            self._requests.require(answer, final)
            told = answer.headers.get("x-ms-copy-status", "success")
        if told != "success":
            raise self._requests.problem(CONNECTION_LOST, final)


def _key(path: str) -> str:
    return path.strip("/")
