"""Where a PostgreSQL server answers, and as whom to sign in."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from psycopg.conninfo import make_conninfo

from paquebot.credentials import Secret


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One database of one server. `host` is a host name, or the folder of the Unix socket when it starts with a slash."""

    host: str
    port: int
    database: str
    user: str
    password: Secret

    def conninfo(self) -> str:
        """The `key=value` form libpq reads. It holds the password: hand it to a driver, never show it."""
        return make_conninfo(
            host=self.host, port=self.port, dbname=self.database, user=self.user, password=self.password.reveal()
        )

    def url(self) -> str:
        """The URL form. It holds the password: hand it to a driver, never show it."""
        signed_in = f"{_quoted(self.user)}:{_quoted(self.password.reveal())}"
        if self.host.startswith("/"):
            return f"postgresql://{signed_in}@/{_quoted(self.database)}?host={_quoted(self.host)}&port={self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"postgresql://{signed_in}@{host}:{self.port}/{_quoted(self.database)}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
