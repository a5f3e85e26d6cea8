"""TLS of every kind of destination that speaks it at once: told by the option tables, so a new kind is tried too."""

from __future__ import annotations

import base64
import contextlib
import socket
import ssl
import threading
import warnings

import pytest

from fixtures.bigquery import service_account_key
from fixtures.certificates import Authority
from paquebot.errors import DeliveryError
from paquebot.options import read
from paquebot.plugins import find, names

FINE, EXPIRED, OTHER_HOST = "fine", "expired", "other host"
SHAPES = {
    "account_key": base64.b64encode(b"valeur-secrete-1867").decode(),
    "sas": "sv=2021-12-02&sig=valeur-secrete",
    "protection": "implicit",
    "stall_timeout_seconds": 5,
}
"""Values that must look like something."""


def speaks_tls(name):
    return "ca_certificate" in {option.name for option in find("destinations", name).OPTIONS}


KINDS = [name for name in names("destinations") if speaks_tls(name)]


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def certificates(authority):
    return {
        FINE: authority.certificate("fine"),
        EXPIRED: authority.certificate("expired", days_left=-1),
        OTHER_HOST: authority.certificate("other", host="partner.example.net"),
    }


@contextlib.contextmanager
def showing(certificate, newest=ssl.TLSVersion.TLSv1_3):
    """The port of a server that shows its certificate and hears no more than that; and what it was told after it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # old versions are what is tried
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, newest
    context.load_cert_chain(certificate.file)
    heard: list[bytes] = []

    def answer(listening):
        with contextlib.suppress(OSError):  # closed: the test is over
            while True:
                link, _ = listening.accept()
                with contextlib.suppress(OSError), link, context.wrap_socket(link, server_side=True) as protected:
                    protected.settimeout(5)
                    protected.sendall(b"220 ready\r\n")  # an FTP server speaks first; the others are not listened to
                    heard.append(protected.recv(4096))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,), daemon=True)
        thread.start()
        yield listening.getsockname()[1], heard
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def refusal(name, port, authority):
    """How a destination of that kind, whose server is at `port`, refuses to connect."""
    kind = find("destinations", name)
    known = {option.name: option for option in kind.OPTIONS}
    address = f"https://127.0.0.1:{port}"
    place = {"host": "127.0.0.1", "port": port, "url": address, "endpoint": address, "ca_certificate": authority.text}
    options = {key: value for key, value in place.items() if key in known}
    options |= {key: "somebody" for key, option in known.items() if option.required and key not in place}
    options |= {key: "valeur-secrete" for key, option in known.items() if option.secret}
    options |= {key: value for key, value in SHAPES.items() if key in known}
    if "key" in known:
        options["key"] = service_account_key(f"{address}/token")
    with pytest.raises(DeliveryError) as refused, kind(read(kind.OPTIONS, options)):
        pass
    assert refused.value.hint
    return refused.value


def test_the_kinds_that_speak_tls_are_found():
    assert set(KINDS) >= {"ftps", "webdav", "https", "s3", "azure"}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    ("shown", "code"),
    [(EXPIRED, "delivery.certificate_expired"), (OTHER_HOST, "delivery.certificate_wrong_host")],
)
def test_a_certificate_that_does_not_hold_is_refused_and_nothing_is_said(name, shown, code, authority, certificates):
    with showing(certificates[shown]) as (port, heard):
        refused = refusal(name, port, authority)
    assert (refused.code, refused.retryable) == (code, False)
    assert b"".join(heard) == b""


@pytest.mark.parametrize("name", KINDS)
def test_a_certificate_nobody_vouches_for_is_shown_to_be_approved(name, certificates, tmp_path):
    with showing(certificates[FINE]) as (port, heard):
        refused = refusal(name, port, Authority(tmp_path))
    assert refused.code == "delivery.certificate_unknown"
    assert refused.parameters["offered"] == certificates[FINE].fingerprint
    assert b"".join(heard) == b""


@pytest.mark.parametrize("name", KINDS)
def test_a_server_that_knows_nothing_newer_than_tls_1_1_is_refused(name, authority, certificates):
    with showing(certificates[FINE], newest=ssl.TLSVersion.TLSv1_1) as (port, heard):
        refused = refusal(name, port, authority)
    assert refused.code == "delivery.tls_refused"
    assert heard == []
