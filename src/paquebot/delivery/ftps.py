"""FTPS: files to a partner's FTP server under TLS, on request (explicit) or from the first byte (implicit).

Nothing secret leaves before the server has shown a certificate that is trusted for a reason that was written down.
"""

from __future__ import annotations

import contextlib
import ftplib
import ssl
from typing import ClassVar

from paquebot.delivery.ftp import FtpDestination
from paquebot.delivery.ftp_client import FtpClient
from paquebot.delivery.tls import AUTHORITY, CERTIFICATE, fingerprint, translated, trusting
from paquebot.errors import Problem
from paquebot.options import Option

NOT_PROTECTED = Problem(
    "delivery.not_protected",
    "{place} does not offer TLS.",
    "Ask whoever runs the server to offer FTPS. Only where nothing else can be had, use the unprotected kind “ftp”.",
)


class FtpsDestination(FtpDestination):
    """A folder on an FTP server reached under TLS."""

    NAME = "ftps"
    RISK: ClassVar[str] = ""
    OPTIONS = (
        *FtpDestination.OPTIONS[:4],
        Option(
            "protection",
            "When TLS begins: on request (explicit, port 21) or with the first byte (implicit, port 990).",
            label="Protection",
            default="explicit",
            choices=("explicit", "implicit"),
            choice_labels=("TLS on request (explicit)", "TLS from the first byte (implicit)"),
        ),
        CERTIFICATE,
        AUTHORITY,
        *FtpDestination.OPTIONS[4:],
    )

    def _trust(self) -> ssl.SSLContext:
        return trusting(self.options, self._place)

    def _conversation(self, context: ssl.SSLContext | None) -> FtpClient:
        with translated(self._place, self._look):
            try:
                return super()._conversation(context)
            except ftplib.error_perm as error:
                raise self._error(NOT_PROTECTED) from error

    def _look(self, context: ssl.SSLContext) -> str:
        client = super()._conversation(context)
        with contextlib.closing(client):
            return fingerprint(client.sock) if client.sock else ""
