"""No delivery at all: the file stays where it is kept, for the browser of whoever asked for it.

Promise: it sends nothing and reaches nobody. The pipeline asks `CAPABILITIES.fetched` and stops at the kept file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import NoReturn, Self

from paquebot.delivery.base import Capabilities, Destination
from paquebot.flow import Blocks


class Download(Destination):
    """Whoever asked for the file."""

    NAME = "download"
    OPTIONS = ()
    CAPABILITIES = Capabilities(atomic_publish=False, read_back=False, folders=False, hidden_name=False, fetched=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        """There is no link."""

    @property
    def identity(self) -> Mapping[str, str]:
        return {}

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        _refuse()

    def size(self, path: str) -> int | None:
        return None

    def read(self, path: str) -> Blocks:
        _refuse()

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        _refuse()

    def remove(self, path: str) -> None:
        """There is nothing to remove."""


def _refuse() -> NoReturn:
    raise RuntimeError("a file that is fetched is never sent")
