"""Dialling a server: its name is resolved once, every address it has is checked, and that very address is dialled.

A name that resolves differently the second time can therefore not lead past the check.
"""

from __future__ import annotations

import ipaddress
import socket

from paquebot.delivery import stages
from paquebot.delivery.problems import ADDRESS_REFUSED, HOST_UNKNOWN, UNREACHABLE
from paquebot.errors import DeliveryError

_REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local, and the metadata services of most clouds
        "fe80::/10",  # link-local
        "fd00:ec2::254/128",  # metadata, AWS over IPv6
        "100.100.100.200/32",  # metadata, Alibaba
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def dial(host: str, port: int, timeout_seconds: float) -> socket.socket:
    """A TCP connection to `host`. Each of its addresses gets `timeout_seconds` to answer. Raises `DeliveryError`."""
    failure: OSError | None = None
    stages.begin(stages.NAME)
    addresses = resolve(host, port)
    stages.begin(stages.CONNECT)
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout_seconds)
        except OSError as error:
            failure = error
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


def is_refused(address: str) -> bool:
    """Whether `address` is link-local or a metadata service, also when written inside an IPv6 address."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(plain, ipaddress.IPv6Address):
        inner = plain.ipv4_mapped or plain.sixtofour
        if plain in _NAT64:
            inner = ipaddress.IPv4Address(int(plain) & 0xFFFFFFFF)
        plain = inner or plain
    return any(plain in network for network in _REFUSED_NETWORKS)
