"""What databases behind a network share: how they are told where they are, and whom to trust on the way."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from paquebot.options import Option
from paquebot.sources.outside.base import STATEMENT_TIMEOUT

CONNECT_SECONDS = 10
VERIFY, ENCRYPT, OFF = "verify", "encrypt", "off"
_AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


def network_options(port: int, *own: Option) -> tuple[Option, ...]:
    """What such a database can be told; `own` options follow the name of the database."""
    return (
        Option("host", "The name or address of the server.", label="Host", required=True),
        Option("port", "Its port.", kind="integer", default=port, least=1, most=65_535, label="Port"),
        Option("database", "The database on that server.", label="Database", required=True),
        *own,
        Option("username", "A user that may read these tables, and had better not change them.", label="User", required=True),
        Option("password", "That user's password.", secret=True, label="Password"),
        Option(
            "tls",
            "How the connection is protected.",
            default=VERIFY,
            choices=(VERIFY, ENCRYPT, OFF),
            choice_labels=(
                "Encrypted, and the server's certificate is checked",
                "Encrypted, whoever answers",
                "Not at all",
            ),
            label="Protection (TLS)",
            risky=(ENCRYPT, OFF),
            risk="Whoever stands between here and the database may read the rows, or answer in its place.",
        ),
        Option(
            "ca_certificate",
            "The authority that signs the server's certificate, in PEM text; without it, those this machine trusts.",
            lines=True,
            only_with=(f"tls={VERIFY}",),
        ),
        STATEMENT_TIMEOUT,
    )


def place_of(options: Mapping[str, Any]) -> str:
    return f"{options['host']}:{options['port']}/{options['database']}"


def trusted_authorities() -> str | None:
    """The file that holds the authorities this machine trusts; None where it keeps them otherwise."""
    known = ssl.get_default_verify_paths().cafile
    return next((path for path in (known, *_AUTHORITIES) if path and Path(path).is_file()), None)
