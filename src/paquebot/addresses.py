"""Addresses that are never dialled, whoever asks: link-local ones and the metadata services of clouds."""

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
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_refused(address: str) -> bool:
    """Whether `address` is link-local or a metadata service, also when written inside an IPv6 address."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(plain, ipaddress.IPv6Address):
        inner = plain.ipv4_mapped or plain.sixtofour
        if plain in _NAT64:
            inner = ipaddress.IPv4Address(int(plain) & 0xFFFFFFFF)
        plain = inner or plain
    return any(plain in network for network in _REFUSED_NETWORKS)
