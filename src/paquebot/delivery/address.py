"""Dialling a server: its name is resolved once, every address it has is checked, and that very address is dialled.

A name that resolves differently the second time can therefore not lead past the check.
"""

from __future__ import annotations

import socket

from paquebot.addresses import is_refused
from paquebot.delivery import stages
from paquebot.delivery.patience import stay_awake
from paquebot.delivery.problems import ADDRESS_REFUSED, HOST_UNKNOWN, UNREACHABLE
from paquebot.errors import DeliveryError


def dial(host: str, port: int, timeout_seconds: float) -> socket.socket:
    """A TCP connection to `host`. Each of its addresses gets `timeout_seconds` to answer. Raises `DeliveryError`."""
    failure: OSError | None = None
    stages.begin(stages.NAME)
    addresses = resolve(host, port)
    stages.begin(stages.CONNECT)
    for address in addresses:
        try:
            link = socket.create_connection((address, port), timeout_seconds)
        except OSError as error:
            failure = error
        else:
            stay_awake(link)
            return link
    raise DeliveryError(UNREACHABLE, place=f"{host}:{port}") from failure


def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`, in the order to try them; refused as a whole when one of them must not be dialled."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise DeliveryError(HOST_UNKNOWN, host=host) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if is_refused(address):
            raise DeliveryError(ADDRESS_REFUSED, host=host, address=address)
    return addresses
