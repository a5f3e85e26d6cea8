"""Runs the web server: granian over our WSGI application, on the address `paquebot serve` chose."""

from __future__ import annotations

import os

HOST_VARIABLE, PORT_VARIABLE = "PAQUEBOT_HOST", "PAQUEBOT_PORT"


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    Granian(
        "paquebot.web.wsgi:application",
        address=os.environ.get(HOST_VARIABLE, "127.0.0.1"),
        port=int(os.environ.get(PORT_VARIABLE, "8000")),
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=8,
        log_access=False,
        log_level=LogLevels.error,
        respawn_failed_workers=True,
    ).serve()


if __name__ == "__main__":
    main()
