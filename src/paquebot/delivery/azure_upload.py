"""Sending one blob: in blocks that travel at the same time, each with its MD5, then the list that makes a blob of them.

Memory is bounded by the blocks under way. A block's name tells its place and its MD5, so that the store's own list of blocks
says what the bytes are.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from paquebot.delivery.azure_requests import AzureRequests
from paquebot.delivery.lanes import Lanes, gathered
from paquebot.delivery.xml_answers import between, fields
from paquebot.flow import Remainder

_MOST_BLOCKS = 50_000
_NAME = re.compile(r"(?P<place>\d{6})-(?P<md5>[0-9a-f]{32})\Z")


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """A block as the store tells it."""

    name: str
    size_bytes: int

    @property
    def place(self) -> int:
        told = _NAME.match(self.name)
        return int(told["place"]) if told else -1


class BlockUpload:
    """One new blob. After `send`: `names`, those of the blocks it is made of."""

    def __init__(self, requests: AzureRequests, key: str, size_bytes: int) -> None:
        self._requests, self._key = requests, key
        self._block_bytes = max(requests.options["block_mebibytes"] << 20, -(-size_bytes // _MOST_BLOCKS))
        self.names: list[str] = []

    def send(self, blocks: Iterable[bytes]) -> int:
        return self._put_all(gathered(blocks, self._block_bytes))

    def resume(self, stored: Sequence[StoredBlock], rest: Remainder) -> int | None:
        """Goes on with blocks that were cut off; None when what the store holds is not the beginning of `rest`."""
        for place, block in enumerate(stored):
            digest = hashlib.md5(usedforsecurity=False)
            for piece in rest.passed_over(block.size_bytes):
                digest.update(piece)
            if block.name != _name(place, digest.digest()):
                return None
            self.names.append(block.name)
        return sum(block.size_bytes for block in stored) + self._put_all(gathered(rest, self._block_bytes))

    def _put_all(self, contents: Iterable[bytes]) -> int:
        accepted = 0
        links = [self._requests.another() for _ in range(self._requests.options["blocks_at_once"])]
        lanes: Lanes[AzureRequests, None] = Lanes(links)
        with lanes:
            for content in contents:
                md5 = hashlib.md5(content, usedforsecurity=False).digest()
                self.names.append(_name(len(self.names), md5))
                lanes.put(partial(self._put, self.names[-1], content, md5))
                accepted += len(content)
            lanes.finished()
        self._commit()
        return accepted

    def _put(self, name: str, content: bytes, md5: bytes, link: AzureRequests) -> None:
        query = {"comp": "block", "blockid": _encoded(name.encode())}
        answer = link.ask("PUT", self._key, query, headers={"Content-MD5": _encoded(md5)}, body=content)
        link.require(answer, self._key)

    def _commit(self) -> None:
        listed = "".join(f"<Uncommitted>{_encoded(name.encode())}</Uncommitted>" for name in self.names)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        headers = {"If-None-Match": "*", "Content-Type": "application/xml"}
        answer = self._requests.ask("PUT", self._key, {"comp": "blocklist"}, headers=headers, body=body)
        self._requests.require(answer, self._key)


def committed(requests: AzureRequests, key: str) -> list[StoredBlock] | None:
    """The blocks the blob is made of, in their order; None where the store does not tell them."""
    return _blocks(requests, key, "committed")


def uncommitted(requests: AzureRequests, key: str) -> list[StoredBlock]:
    """The blocks of a blob that never became one, from the first on, without a gap."""
    found = sorted(_blocks(requests, key, "uncommitted") or [], key=lambda block: block.place)
    return [block for place, block in enumerate(found) if block.place == place]


def _blocks(requests: AzureRequests, key: str, kind: str) -> list[StoredBlock] | None:
    answer = requests.ask("GET", key, {"comp": "blocklist", "blocklisttype": kind})
    if answer.status != 200:
        return None
    return [_stored(entry) for entry in between(answer.text, "Block")]


def _stored(entry: str) -> StoredBlock:
    written = base64.b64decode(fields(entry, "Name")[0])
    return StoredBlock(written.decode("utf-8", "replace"), int(fields(entry, "Size")[0]))


def _name(place: int, md5: bytes) -> str:
    return f"{place:06d}-{md5.hex()}"


def _encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()
