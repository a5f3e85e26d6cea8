"""Addresses that are never dialled, whoever asks: link-local ones and the metadata services of clouds.

Only the administrator of an installation may except some (`allow`, called where an installation is opened); no project can.
"""

from __future__ import annotations

import ipaddress

_REFUSED_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local, and the metadata services of most clouds
        "fe80::/10",  # link-local
        "fd00:ec2::254/128",  # metadata, AWS over IPv6
        "100.100.100.200/32",  # metadata, Alibaba
    )
)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_allowed: tuple[Network, ...] = ()
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def allow(networks: tuple[Network, ...]) -> None:
    """From now on, in this process, addresses in `networks` may be dialled; those that were allowed before no longer."""
    global _allowed  # noqa: PLW0603 - one installation a process, told once, asked for at the bottom of every protocol
    _allowed = networks


def is_refused(address: str) -> bool:
    """Whether `address` is link-local or a metadata service, also when written inside an IPv6 address."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(plain, ipaddress.IPv6Address):
        inner = plain.ipv4_mapped or plain.sixtofour
        if plain in _NAT64:
            inner = ipaddress.IPv4Address(int(plain) & 0xFFFFFFFF)
        plain = inner or plain
    if any(plain in network for network in _allowed):
        return False
    return any(plain in network for network in _REFUSED_NETWORKS)
