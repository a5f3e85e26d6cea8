"""The embedded PostgreSQL: a server of our own that runs as long as somebody uses it. Knows no Django.

`EmbeddedPostgres` is what its users hold; one supervisor per folder keeps the server alive and stops it after the last of them.
"""

from paquebot.records.postgres.address import ServerAddress
from paquebot.records.postgres.client import EmbeddedPostgres
from paquebot.records.postgres.layout import running_pid

__all__ = ["EmbeddedPostgres", "ServerAddress", "running_pid"]
