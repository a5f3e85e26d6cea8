"""TLS to a partner's server: 1.2 or newer, and the server's certificate is trusted for a reason that was written down.

Three reasons: an authority of this machine signed it (nothing to write), the authority given as `ca_certificate` did, or it is
the very certificate whose fingerprint is given as `certificate`. The last one asks for no authority, name or date: a person
approved this certificate, and a renewed one wants a new approval. Nothing secret leaves before that.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from paquebot.errors import DeliveryError, Problem
from paquebot.options import DefinitionError, Option, Path

CERTIFICATE_UNKNOWN = Problem(
    "delivery.certificate_unknown",
    "{place} shows a certificate nobody vouches for, with the fingerprint {offered}.",
    "Ask whoever runs the server whether this is its fingerprint; if so, write it as “certificate”, or give the authority that "
    "signed it as “ca_certificate”. Nothing secret was sent.",
)
CERTIFICATE_CHANGED = Problem(
    "delivery.certificate_changed",
    "{place} shows the certificate {offered} instead of {expected}.",
    "Either the certificate was renewed or somebody stands in between. Ask whoever runs the server before you change "
    "“certificate”. Nothing secret was sent.",
)
CERTIFICATE_EXPIRED = Problem(
    "delivery.certificate_expired",
    "The certificate of {place} is not valid at this time.",
    "Ask whoever runs the server to renew it, and check the clock of this machine. Nothing secret was sent.",
)
CERTIFICATE_WRONG_HOST = Problem(
    "delivery.certificate_wrong_host",
    "The certificate of {place} was made for another name.",
    "Give the name that stands in the certificate as the address; or have the certificate {offered} approved by writing it as "
    "“certificate”. Nothing secret was sent.",
)
AUTHORITY_UNUSABLE = Problem(
    "delivery.authority_unusable",
    "The certificate of the authority for {place} cannot be read.",
    "Give the whole certificate in PEM text, from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----.",
)
TLS_REFUSED = Problem(
    "delivery.tls_refused",
    "No protected connection (TLS) came about with {place}.",
    "Check the port and the kind of protection. A server that knows nothing newer than TLS 1.1 is refused.",
)

BAD_FINGERPRINT = Problem(
    "delivery.bad_certificate_fingerprint",
    "{where}: “{key}” is not the SHA-256 fingerprint of a certificate.",
    "It is “SHA256:” and 64 hexadecimal digits, as `openssl x509 -noout -fingerprint -sha256` shows them.",
)


def _check_fingerprint(written: str, path: Path) -> None:
    if not re.fullmatch(r"[0-9a-f]{64}", _bare(written)):
        raise DefinitionError(BAD_FINGERPRINT, path, key=path[-1])


CERTIFICATE = Option(
    "certificate",
    "The fingerprint (SHA256:…) of the one certificate to accept; without it an authority must vouch for the server.",
    label="Certificate",
    check=_check_fingerprint,
)
AUTHORITY = Option("ca_certificate", "The authority that signs the server's certificate, in PEM text.", lines=True)

_EXPIRED_CODES = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_WRONG_HOST_CODES = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


def trusting(options: Mapping[str, Any], place: str) -> ssl.SSLContext:
    """The context for connections to `place` that trusts what `CERTIFICATE` and `AUTHORITY` among `options` say."""
    pin = (options["certificate"] or "").strip()
    if pin:
        context: ssl.SSLContext = _PinningContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.pin = pin  # type: ignore[attr-defined]  # of `_PinningContext`, whose constructor takes no more arguments
    else:
        context = _vouched_for(options["ca_certificate"], place)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def fingerprint(link: socket.socket) -> str:
    """The fingerprint of the certificate the other end of `link` showed, with colons as openssl tells it."""
    shown = link.getpeercert(binary_form=True) if isinstance(link, ssl.SSLSocket) else None
    return f"SHA256:{hashlib.sha256(shown).digest().hex(':').upper()}" if shown else ""


@contextlib.contextmanager
def translated(place: str, look: Callable[[ssl.SSLContext], str]) -> Iterator[None]:
    """Turns a handshake that failed into a `DeliveryError`. `look` connects again without trusting anybody, sends nothing, and
    returns the fingerprint it is shown."""
    try:
        yield
    except _OtherCertificateError as error:
        raise DeliveryError(CERTIFICATE_CHANGED, place=place, offered=error.offered, expected=error.expected) from error
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _EXPIRED_CODES:
            raise DeliveryError(CERTIFICATE_EXPIRED, place=place) from error
        problem = CERTIFICATE_WRONG_HOST if error.verify_code in _WRONG_HOST_CODES else CERTIFICATE_UNKNOWN
        raise DeliveryError(problem, place=place, offered=look(_trusting_nobody()), option=CERTIFICATE.name) from error
    except ssl.SSLError as error:
        raise DeliveryError(TLS_REFUSED, place=place) from error


def _vouched_for(authority: str | None, place: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=authority or None)
    except ssl.SSLError as error:
        raise DeliveryError(AUTHORITY_UNUSABLE, place=place) from error


def _trusting_nobody() -> ssl.SSLContext:
    """For looking only: whoever uses it must send nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class _OtherCertificateError(ssl.SSLError):
    def __init__(self, offered: str, expected: str) -> None:
        super().__init__("another certificate than the approved one")
        self.offered, self.expected = offered, expected


class _PinnedSocket(ssl.SSLSocket):
    """Looks at the certificate as soon as it was shown, before anything else can be sent."""

    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        offered, expected = fingerprint(self), str(getattr(self.context, "pin", ""))
        if _bare(offered) != _bare(expected):
            raise _OtherCertificateError(offered, expected)


class _PinningContext(ssl.SSLContext):
    sslsocket_class = _PinnedSocket
    pin = ""


def _bare(written: str) -> str:
    """A fingerprint as it is compared: with or without prefix and colons, in either case of letters."""
    return written.strip().lower().removeprefix("sha256:").replace(":", "")
