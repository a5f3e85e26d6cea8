"""A destination in memory: the whole contract without a server, for tests.

A real implementation, not a mock: what it promises is checked by the same conformance suite as SFTP.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Self

from paquebot.delivery.base import Capabilities, Destination
from paquebot.delivery.problems import CONNECTION_LOST, FILE_MISSING, FOLDER_MISSING, NAME_TAKEN, NO_SPACE, PARTIAL_DIFFERS
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks, Remainder
from paquebot.options import Option


@dataclass(slots=True)
class MemoryStore:
    """What a server in memory holds. `capacity_bytes` makes its disk small."""

    files: dict[str, bytes] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {"/"})
    capacity_bytes: int | None = None

    @property
    def free_bytes(self) -> int | None:
        return None if self.capacity_bytes is None else self.capacity_bytes - sum(map(len, self.files.values()))


class MemoryDestination(Destination):
    """A store of this process, found by its name in `STORES`; paths start at `/`."""

    NAME = "memory"
    OPTIONS = (Option("store", "The name of the store.", default="default"),)
    CAPABILITIES = Capabilities(atomic_publish=True, read_back=True, listing=True, resumes=True)
    STORES: ClassVar[dict[str, MemoryStore]] = {}

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self.store = self.STORES.setdefault(options["store"], MemoryStore())
        self._connected = False

    def __enter__(self) -> Self:
        self._connected = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._connected = False

    @property
    def identity(self) -> Mapping[str, str]:
        return {"store": self.options["store"]}

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        place = self._locate(path)
        self.require_folder(place)
        self._require_room(path, size_bytes)
        if place in self.store.files:
            raise self._error(NAME_TAKEN, path)
        self.store.files[place] = b""
        return self._take(path, blocks)

    def partial(self, path: str) -> int:
        return self.size(path) or 0

    def resume(self, path: str, rest: Remainder, size_bytes: int) -> int:
        if b"".join(rest.passed_over(self.partial(path))) != self.store.files[self._locate(path)]:
            raise self._error(PARTIAL_DIFFERS, path)
        return self._take(path, rest)

    def size(self, path: str) -> int | None:
        content = self.store.files.get(self._locate(path))
        return None if content is None else len(content)

    def require_folder(self, path: str) -> None:
        place = self._locate(path)
        if posixpath.dirname(place) not in self.store.folders:
            raise self._error(FOLDER_MISSING, place)

    def room_bytes(self, path: str) -> int | None:
        return self.store.free_bytes

    def read(self, path: str) -> Blocks:
        content = self.store.files.get(self._locate(path))
        if content is None:
            raise self._error(FILE_MISSING, path)
        yield from (content[start : start + BLOCK_BYTES] for start in range(0, len(content), BLOCK_BYTES))

    def names(self, folder: str) -> list[str]:
        place = self._locate(folder)
        return [posixpath.basename(path) for path in self.store.files if posixpath.dirname(path) == place]

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        source, target = self._locate(temporary), self._locate(final)
        self.require_folder(target)
        if source not in self.store.files:
            raise self._error(FILE_MISSING, temporary)
        if target in self.store.files and not replace:
            raise self._error(NAME_TAKEN, final)
        self.store.files[target] = self.store.files.pop(source)

    def remove(self, path: str) -> None:
        self.store.files.pop(self._locate(path), None)

    def _take(self, path: str, blocks: Iterable[bytes]) -> int:
        place = self._locate(path)
        for block in blocks:
            self._require_room(path, len(block))
            self.store.files[place] += block
        return len(self.store.files[place])

    def _locate(self, path: str) -> str:
        if not self._connected:
            raise self._error(CONNECTION_LOST, path)
        return posixpath.normpath(posixpath.join("/", path))

    def _require_room(self, path: str, needed_bytes: int) -> None:
        if self.store.free_bytes is not None and self.store.free_bytes < needed_bytes:
            raise self._error(NO_SPACE, path)

    def _error(self, problem: Problem, path: str, **parameters: Any) -> DeliveryError:
        return DeliveryError(problem, place=f"memory:{self.options['store']}", path=path, **parameters)
