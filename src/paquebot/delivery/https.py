"""HTTPS: a file handed to a partner's web address in one request, by PUT or POST.

Nothing can be renamed, and rarely looked at afterwards: the partner's answer is the only proof there is, and the receipt says
so. PUT to the same address means the same file, and may be repeated. POST may mean a second order or a second mail: when the
link breaks before the answer came, the outcome is unknown, and the run is held until a person has asked the partner.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlsplit

from paquebot.credentials import Secret
from paquebot.delivery.base import BANDWIDTH, Capabilities
from paquebot.delivery.handed_over import HandedOver
from paquebot.delivery.http_link import URL_OPTIONS, HttpLink
from paquebot.delivery.problems import CONNECTION_LOST, REFUSED
from paquebot.delivery.webdav import STATUSES
from paquebot.errors import DeliveryError, Problem, UncertainError
from paquebot.language import translatable
from paquebot.options import Option
from paquebot.packaging_keys import ZIP_PASSWORD

OUTCOME_UNKNOWN = Problem(
    "delivery.outcome_unknown",
    "The link to {place} broke before the answer to “{path}” came: nobody here knows whether the file was taken.",
    "Ask the partner, then say whether it arrived or is to be sent again; Paquebot never repeats a POST by itself.",
)
OUTCOME_UNCLEAR = Problem(
    "delivery.outcome_unclear",
    "{place} answered “{path}” with a failure of its own ({status}): nobody here knows whether the file was taken.",
    "Ask the partner, then say whether it arrived or is to be sent again; Paquebot never repeats a POST by itself.",
)
_UNCLEAR = (500, 502, 504)
"""After these the server, or one behind it, may have taken the file all the same (RFC 9110, 9.2.2)."""
ADDRESS_UNKNOWN = Problem(
    "delivery.web_address_unknown",
    "{place} knows nothing at this address.",
    "Check the whole address with the partner.",
)


class HttpsDestination(HandedOver):
    """A web address that takes files."""

    NAME = "https"
    RISK = translatable("Nothing can be compared there: the partner’s answer is the only proof that the file arrived.")
    OPTIONS = (
        Option("url", "The address files are handed to (https://…).", label="Address", required=True),
        Option(
            "method",
            "PUT writes a file at the address with its name added; POST hands it to the address as it is.",
            label="Method",
            default="PUT",
            choices=("PUT", "POST"),
        ),
        Option("username", "The account to sign in with.", label="Account"),
        Option("password", "The password of the account.", label="Password", secret=True),
        Option("token", "A bearer token, in place of account and password.", label="Token", secret=True),
        *URL_OPTIONS,
        BANDWIDTH,
        ZIP_PASSWORD,
    )

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, repeatable=self.options["method"] != "POST")

    def __enter__(self) -> Self:
        self._link = HttpLink(self.options["url"], self.options)
        self._parts = urlsplit(self.options["url"])
        try:
            self._link.connect()
        except BaseException:
            self._link.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._link.close()

    @property
    def place(self) -> str:
        return self._link.place

    @property
    def identity(self) -> Mapping[str, str]:
        known = {"server": self._link.place, "method": self.options["method"], "certificate": self._link.certificate}
        return {name: value for name, value in known.items() if value}

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        posted = self.options["method"] == "POST"
        try:
            answer = self._link.ask(self.options["method"], self._target(path), self._headers(path), blocks, size_bytes)
        except DeliveryError as error:
            if posted and error.problem is CONNECTION_LOST:
                raise UncertainError(OUTCOME_UNKNOWN, place=self._link.place, path=path) from error
            raise
        if posted and answer.status in _UNCLEAR:
            raise UncertainError(OUTCOME_UNCLEAR, place=self._link.place, path=path, status=answer.status)
        if not 200 <= answer.status < 300:
            raise self.failure({**STATUSES, 404: ADDRESS_UNKNOWN}.get(answer.status, REFUSED), path)
        return size_bytes

    def _target(self, path: str) -> str:
        query = f"?{self._parts.query}" if self._parts.query else ""
        if self.options["method"] == "POST":
            return f"{self._parts.path or '/'}{query}"
        return f"{self._parts.path.rstrip('/')}/{quote(path.lstrip('/'), safe='/~')}{query}"

    def _headers(self, path: str) -> dict[str, str]:
        name = quote(path.rpartition("/")[2], safe="")
        known = {"Content-Type": "application/octet-stream", "Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
        token: Secret | None = self.options["token"]
        password: Secret | None = self.options["password"]
        if token:
            known["Authorization"] = f"Bearer {token.reveal()}"
        elif self.options["username"]:
            account = f"{self.options['username']}:{password.reveal() if password else ''}"
            known["Authorization"] = f"Basic {base64.b64encode(account.encode()).decode()}"
        return known
