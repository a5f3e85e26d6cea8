"""As whom one works at Azure: with the key of the storage account, with a shared access signature, or as an application.

Sources, at learn.microsoft.com: rest/api/storageservices/authorize-with-shared-key (the signature of a request),
rest/api/storageservices/create-service-sas (what a shared access signature holds) and
entra/identity-platform/v2-oauth2-client-creds-grant-flow (the token of an application).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any, Protocol
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from paquebot.credentials import Secret
from paquebot.delivery.base import SIGN_IN
from paquebot.delivery.http_link import HttpLink
from paquebot.delivery.problems import BUSY, CREDENTIALS_EXPIRED, REFUSED, SIGN_IN_REFUSED
from paquebot.errors import DeliveryError, Problem
from paquebot.options import DefinitionError, Option, Path

NOT_AN_ACCOUNT_KEY = Problem(
    "definition.not_an_account_key",
    "{where}: this is not the key of a storage account.",
    "Copy “key1” or “key2” of the account’s access keys as Azure shows it: it is Base64 text that ends in “==”.",
)
NOT_A_SIGNATURE = Problem(
    "definition.not_a_shared_access_signature",
    "{where}: this is not a shared access signature.",
    "Copy the whole text Azure gives (“sv=…&sig=…”), without the address in front of it.",
)
NOTHING_TO_SIGN_WITH = Problem(
    "delivery.nothing_to_sign_with",
    "There is nothing to sign in with: “{missing}” is empty.",
    "Fill it in, or choose another way to sign in.",
)
ACCOUNT_KEY, SIGNATURE, APPLICATION = "account_key", "sas", "application"


def _check_account_key(value: str, path: Path) -> None:
    try:
        if len(base64.b64decode(value.strip(), validate=True)) < 16:
            raise DefinitionError(NOT_AN_ACCOUNT_KEY, path)
    except binascii.Error as error:
        raise DefinitionError(NOT_AN_ACCOUNT_KEY, path) from error


def _check_signature(value: str, path: Path) -> None:
    if not {"sig", "sv"} <= set(_parameters(value)):
        raise DefinitionError(NOT_A_SIGNATURE, path)


SIGN_IN_OPTIONS = (
    Option(
        SIGN_IN,
        "As whom Paquebot works there.",
        label="Sign in",
        default=ACCOUNT_KEY,
        choices=(ACCOUNT_KEY, SIGNATURE, APPLICATION),
        choice_labels=(
            "With a key of the storage account",
            "With a shared access signature (SAS)",
            "As an application of the directory (service principal)",
        ),
    ),
    Option(
        "account_key",
        "A key of the storage account. It opens everything in the account: a shared access signature opens less.",
        label="Account key",
        secret=True,
        only_with=("sign_in=account_key",),
        check=_check_account_key,
    ),
    Option(
        "sas",
        "The signature for this container, with the rights to read, create, write, delete and list.",
        label="Shared access signature",
        secret=True,
        only_with=("sign_in=sas",),
        check=_check_signature,
    ),
    Option(
        "tenant", "The directory (tenant) the application belongs to.", label="Directory", only_with=("sign_in=application",)
    ),
    Option("client", "The identifier of the application (client ID).", label="Application", only_with=("sign_in=application",)),
    Option(
        "client_secret",
        "The secret of the application.",
        label="Secret of the application",
        secret=True,
        only_with=("sign_in=application",),
    ),
    Option(
        "authority",
        "Where the application signs in, where that is not the public cloud.",
        default="https://login.microsoftonline.com",
        only_with=("sign_in=application",),
    ),
)
"""As whom one works at Azure. An application needs the role “Storage Blob Data Contributor” for the container."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request before it is signed: `path` is quoted already."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    size_bytes: int


class Signer(Protocol):
    """Whoever may ask."""

    def signed(self, question: Question, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
        """The query and the headers the request is sent with."""

    def granted(self) -> str:
        """What must be added to the address of a source, so that the store may read it for us."""

    def ended(self, now: datetime) -> bool:
        """Whether what one signs with says of itself that its time is over."""


def signer_of(options: Mapping[str, Any]) -> Signer:
    """By what the options say. Raises `DeliveryError` when what that needs is empty."""
    needed = {
        ACCOUNT_KEY: ("account_key",),
        SIGNATURE: ("sas",),
        APPLICATION: ("tenant", "client", "client_secret"),
    }[options[SIGN_IN]]
    for name in needed:
        if not options[name]:
            raise DeliveryError(NOTHING_TO_SIGN_WITH, missing=name)
    if options[SIGN_IN] == SIGNATURE:
        return SharedAccess(options["sas"])
    if options[SIGN_IN] == APPLICATION:
        return Application(options)
    return SharedKey(options["account"], options["account_key"])


@dataclass(frozen=True, slots=True)
class SharedKey:
    """Signs every request with a key of the account."""

    account: str
    key: Secret

    def signed(self, question: Question, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
        headers = {**question.headers, "x-ms-date": now.strftime("%a, %d %b %Y %H:%M:%S GMT")}
        known = {name.lower(): value for name, value in headers.items()}
        standard = [known.get(name, "") for name in _STANDARD_HEADERS]
        standard[2] = str(question.size_bytes) if question.size_bytes else ""
        own = sorted(f"{name}:{value}\n" for name, value in known.items() if name.startswith("x-ms-"))
        resource = f"/{self.account}{question.path}"
        asked = sorted(f"\n{name.lower()}:{value}" for name, value in question.query.items())
        text = "\n".join([question.method, *standard, "".join(own) + resource + "".join(asked)])
        key = base64.b64decode(self.key.reveal().strip())
        signature = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
        return dict(question.query), {**headers, "Authorization": f"SharedKey {self.account}:{signature}"}

    def granted(self) -> str:
        return ""

    def ended(self, now: datetime) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class SharedAccess:
    """Adds a signature somebody else made, for what they chose, until when they chose."""

    signature: Secret

    def signed(self, question: Question, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
        return {**question.query, **_parameters(self.signature.reveal())}, dict(question.headers)

    def granted(self) -> str:
        return f"?{urlencode(_parameters(self.signature.reveal()), quote_via=quote)}"

    def ended(self, now: datetime) -> bool:
        written = _parameters(self.signature.reveal()).get("se", "")
        try:
            ends = datetime.fromisoformat(written)
        except ValueError:
            return False
        return now >= (ends if ends.tzinfo else ends.replace(tzinfo=UTC))


class Application:
    """Signs in at the directory once, and again shortly before the token ends. Several links may ask at the same time."""

    _RENEWED_BEFORE = timedelta(minutes=5)

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._options = options
        self._lock = Lock()
        self._token, self._until = "", datetime.min.replace(tzinfo=UTC)

    def signed(self, question: Question, now: datetime) -> tuple[dict[str, str], dict[str, str]]:
        with self._lock:
            if now >= self._until:
                self._sign_in(now)
        return dict(question.query), {**question.headers, "Authorization": f"Bearer {self._token}"}

    def granted(self) -> str:
        return ""

    def ended(self, now: datetime) -> bool:
        return False

    def _sign_in(self, now: datetime) -> None:
        """The certificate approved for the store is not that of the directory: there an authority must vouch."""
        asked = {
            "grant_type": "client_credentials",
            "client_id": self._options["client"],
            "client_secret": self._options["client_secret"].reveal(),
            "scope": "https://storage.azure.com/.default",
        }
        address = f"{self._options['authority'].rstrip('/')}/{quote(self._options['tenant'], safe='')}/oauth2/v2.0/token"
        link = HttpLink(address, {**self._options, "certificate": None})
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = link.ask("POST", urlsplit(address).path, headers, urlencode(asked).encode())
        finally:
            link.close()
        if answer.status != 200:
            raise DeliveryError(_refusal(answer.status, answer.text), place=link.place, path="")
        told = json.loads(answer.text)
        self._token = str(told["access_token"])
        self._until = now + timedelta(seconds=int(told["expires_in"])) - self._RENEWED_BEFORE


_STANDARD_HEADERS = (
    *("content-encoding", "content-language", "content-length", "content-md5", "content-type", "date"),
    *("if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"),
)
_EXPIRED_SECRET = "AADSTS7000222"  # noqa: S105 - the directory's name for this error
"""learn.microsoft.com/entra/identity-platform/reference-error-codes"""


def _refusal(status: int, text: str) -> Problem:
    if _EXPIRED_SECRET in text:
        return CREDENTIALS_EXPIRED
    if status in (400, 401):
        return SIGN_IN_REFUSED
    return BUSY if status == 429 or status >= 500 else REFUSED


def _parameters(signature: str) -> dict[str, str]:
    return dict(parse_qsl(signature.strip().lstrip("?"), keep_blank_values=True))
