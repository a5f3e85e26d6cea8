"""What the requests to an object store have in common, whoever signs them: one bucket or container at one address."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from paquebot.delivery.http_link import Answer, HttpLink
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import Blocks


class StoreRequests(ABC):
    """Asks one store about what lies in the bucket or container that the option `HOLDER` names."""

    HOLDER: ClassVar[str]

    def __init__(self, options: Mapping[str, Any], clock: Callable[[], datetime], url: str) -> None:
        self.options, self._clock, self._url = options, clock, url
        self._link = HttpLink(url, options)
        self._root = f"{urlsplit(url).path.rstrip('/')}/{quote(options[self.HOLDER])}"

    @abstractmethod
    def _signed(
        self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> tuple[str, dict[str, str]]:
        """The target and the headers of a request, signed."""

    @abstractmethod
    def meaning(self, answer: Answer) -> Problem:
        """What a refusal means; whatever when it is none."""

    @property
    def place(self) -> str:
        return self._link.place

    @property
    def certificate(self) -> str:
        return self._link.certificate

    def connect(self) -> None:
        self._link.connect()

    def close(self) -> None:
        self._link.close()

    def ask(
        self,
        method: str,
        key: str,
        query: Mapping[str, str] = {},
        *,
        headers: Mapping[str, str] = {},
        body: bytes = b"",
    ) -> Answer:
        target, signed = self._signed(method, key, query, headers, body)
        return self._link.ask(method, target, signed, body)

    def open(self, key: str) -> tuple[Answer, Blocks]:
        target, signed = self._signed("GET", key, {}, {}, b"")
        return self._link.open(target, signed)

    def require(self, answer: Answer, path: str) -> None:
        """Raises what a refusal means."""
        if answer.status >= 300:
            raise self.error(answer, path)

    def error(self, answer: Answer, path: str) -> DeliveryError:
        return self.problem(self.meaning(answer), path)

    def problem(self, problem: Problem, path: str) -> DeliveryError:
        return DeliveryError(problem, place=self.place, path=path, **{self.HOLDER: self.options[self.HOLDER]})

    def _path(self, key: str) -> str:
        return f"{self._root}/{quote(key, safe='/~')}" if key else self._root
