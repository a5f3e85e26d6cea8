"""WebDAV: a folder of a web server (Nextcloud, SharePoint's older doors, Apache, nginx …).

A file is put under a hidden name and read back there; MOVE (RFC 4918) publishes it, with `Overwrite: F` where an
existing file must stay. A file never shows half; but to replace one, most servers delete it first (9.9.3 of the RFC asks for
that), so that for a moment there may be none.
"""

from __future__ import annotations

import base64
import posixpath
import re
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import quote, unquote, urlsplit
from xml.etree import ElementTree

from paquebot.credentials import Secret
from paquebot.delivery import stages
from paquebot.delivery.base import BANDWIDTH, CREATE_FOLDERS, PUBLISHING, STAGING_FOLDER, Capabilities, Destination
from paquebot.delivery.http_link import URL_OPTIONS, Answer, HttpLink
from paquebot.delivery.problems import (
    BUSY,
    FILE_MISSING,
    FOLDER_MISSING,
    NAME_TAKEN,
    NO_SPACE,
    PERMISSION_DENIED,
    REFUSED,
    SIGN_IN_REFUSED,
    UNUSABLE_NAME,
)
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import Blocks, closing_upstream
from paquebot.options import Option
from paquebot.packaging_keys import ZIP_PASSWORD

NOT_WEBDAV = Problem(
    "delivery.not_webdav",
    "{place} speaks HTTP, but knows no WebDAV at this address.",
    "Check the path of the address; whoever runs the server knows it.",
)


class WebDavDestination(Destination):
    """A folder of a web server, signed in with an account and a password (Basic, which is why https is asked for)."""

    NAME = "webdav"
    OPTIONS = (
        Option("url", "The address of the folder (https://…).", label="Address", required=True),
        Option("username", "The account to sign in with.", label="Account"),
        Option("password", "The password of the account.", label="Password", secret=True),
        *URL_OPTIONS,
        CREATE_FOLDERS,
        BANDWIDTH,
        PUBLISHING,
        STAGING_FOLDER,
        ZIP_PASSWORD,
    )
    CAPABILITIES = Capabilities(atomic_publish=False, read_back=True, listing=True)

    def __enter__(self) -> Self:
        self._link = HttpLink(self.options["url"], self.options)
        self._root = urlsplit(self.options["url"]).path.rstrip("/")
        try:
            self._link.connect()
            stages.begin(stages.SIGN_IN)
            strangers = {404: FOLDER_MISSING, 405: NOT_WEBDAV, 501: NOT_WEBDAV, 200: NOT_WEBDAV}
            self._require(self._ask("PROPFIND", "", {"Depth": "0"}), "", (207,), strangers)
        except BaseException:
            self._link.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._link.close()

    @property
    def identity(self) -> Mapping[str, str]:
        known = {"server": self._link.place, "folder": self._root or "/", "certificate": self._link.certificate}
        return {name: value for name, value in known.items() if value}

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        self.require_free(path)
        self.require_folder(path)
        counted = _Counted(blocks)
        answer = self._link.ask("PUT", self._target(path), self._headers({}), counted, size_bytes)
        self._require(answer, path, (200, 201, 204), {404: FOLDER_MISSING, 409: FOLDER_MISSING})
        return counted.count

    def require_folder(self, path: str) -> None:
        """Some servers make missing folders in silence: a file would then lie where nobody looks for it."""
        folder = posixpath.dirname(path)
        if folder and self._ask("PROPFIND", f"{folder}/", {"Depth": "0"}).status in (404, 409):
            raise self._error(FOLDER_MISSING, path)

    def room_bytes(self, path: str) -> int | None:
        """What the server says of its quota (RFC 4331); many say nothing, or that there is none."""
        target = self._target(f"{posixpath.dirname(path)}/")
        answer = self._link.ask("PROPFIND", target, self._headers({"Depth": "0"}), _QUOTA_ASKED)
        told = _ROOM.search(answer.text) if answer.status == 207 else None
        return int(told[1]) if told else None

    def size(self, path: str) -> int | None:
        answer = self._ask("PROPFIND", path, {"Depth": "0"})
        if answer.status in (404, 409):
            return None
        self._require(answer, path, (207,))
        found = next(iter(_entries(answer)), None)
        return None if found is None or found.folder else found.size

    def names(self, folder: str) -> list[str]:
        answer = self._ask("PROPFIND", f"{folder.rstrip('/')}/", {"Depth": "1"})
        if answer.status != 207:
            return []
        return [posixpath.basename(entry.path) for entry in _entries(answer) if not entry.folder]

    def read(self, path: str) -> Blocks:
        answer, blocks = self._link.open(self._target(path), self._headers({}))
        self._require(answer, path, (200,), {404: FILE_MISSING})
        yield from blocks

    def make_folder(self, folder: str) -> None:
        whole = f"{folder.strip('/')}/"
        for end in (place for place, sign in enumerate(whole) if sign == "/" and place):
            answer = self._ask("MKCOL", whole[:end], {})
            self._require(answer, folder, (200, 201, 405, 301))  # 405: it is there

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        if self.size(temporary) is None:
            raise self._error(FILE_MISSING, temporary)
        parts = urlsplit(self.options["url"])
        wanted = f"{parts.scheme}://{self._link.authority}{self._target(final)}"
        answer = self._ask("MOVE", temporary, {"Destination": wanted, "Overwrite": "T" if replace else "F"})
        self._require(answer, final, (200, 201, 204), {412: NAME_TAKEN, 409: FOLDER_MISSING, 404: FOLDER_MISSING})

    def remove(self, path: str) -> None:
        answer = self._ask("DELETE", path, {})
        self._require(answer, path, (200, 202, 204, 404, 409))

    def _target(self, path: str) -> str:
        return f"{self._root}/{quote(path.lstrip('/'), safe='/~')}"

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        password: Secret | None = self.options["password"]
        if not self.options["username"]:
            return dict(more)
        account = f"{self.options['username']}:{password.reveal() if password else ''}"
        return {**more, "Authorization": f"Basic {base64.b64encode(account.encode()).decode()}"}

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> Answer:
        return self._link.ask(method, self._target(path), self._headers(headers))

    def _require(
        self, answer: Answer, path: str, welcome: tuple[int, ...], meanings: Mapping[int, Problem] | None = None
    ) -> None:
        if answer.status not in welcome:
            meaning = {**STATUSES, **(meanings or {})}.get(answer.status, REFUSED)
            # Most keep files on a disk, and have no words for a name that is too long for it.
            too_long = answer.status >= 500 and len(posixpath.basename(path).encode()) > _LONGEST_NAME_BYTES
            raise self._error(UNUSABLE_NAME if too_long else meaning, path)

    def _error(self, problem: Problem, path: str) -> DeliveryError:
        return DeliveryError(problem, place=self._link.place, path=path)


_QUOTA_ASKED = b'<?xml version="1.0"?><propfind xmlns="DAV:"><prop><quota-available-bytes/></prop></propfind>'
_LONGEST_NAME_BYTES = 255
_ROOM = re.compile(r"quota-available-bytes[^>]*>\s*(\d+)\s*<")


class _Counted:
    """Blocks, and how many bytes of them were taken."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks, self.count = blocks, 0

    def __iter__(self) -> Blocks:
        with closing_upstream(self._blocks):
            for block in self._blocks:
                self.count += len(block)
                yield block


class _Entry:
    """A file or a folder as PROPFIND tells it."""

    def __init__(self, response: ElementTree.Element) -> None:
        self.path = unquote(urlsplit(response.findtext("{DAV:}href", "")).path)
        self.folder = response.find(".//{DAV:}resourcetype/{DAV:}collection") is not None
        self.size = int(response.findtext(".//{DAV:}getcontentlength", "0") or 0)


def _entries(answer: Answer) -> list[_Entry]:
    if b"<!DOCTYPE" in answer.body or b"<!ENTITY" in answer.body:
        return []  # no WebDAV answer has one; entities are how an XML reader is made to do harm
    root = ElementTree.fromstring(answer.body)  # noqa: S314 - without a document type there are no entities
    return [_Entry(response) for response in root.iter("{DAV:}response")]


STATUSES: Mapping[int, Problem] = {
    401: SIGN_IN_REFUSED,
    403: PERMISSION_DENIED,
    404: FILE_MISSING,
    413: NO_SPACE,
    414: UNUSABLE_NAME,
    423: BUSY,
    429: BUSY,
    500: BUSY,
    502: BUSY,
    503: BUSY,
    504: BUSY,
    507: NO_SPACE,
}
"""What a refusal means, wherever HTTP is spoken."""
