"""How long a link may stand still, told apart from a link that is only slow.

What is written to a socket waits in the machine until the other end has it: several megabytes, which a line of 50 kB/s needs
more than a minute for. A server that has not answered meanwhile is not silent; it is still receiving.
"""

from __future__ import annotations

import fcntl
import select
import socket
import struct
import termios
import time

_PIECE_BYTES = 1 << 16
_SHORTEST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.001, 0.05
_LAST_WORD_SECONDS = 0.5


def push(link: socket.socket, content: bytes) -> None:
    """Sends all of it; the time-out of `link` counts for each small piece, not for the whole."""
    for start in range(0, len(content), _PIECE_BYTES):
        link.sendall(content[start : start + _PIECE_BYTES])


def await_arrival(link: socket.socket, stall_seconds: float) -> None:
    """Returns once the other end has all that was sent, or says something and takes no more. Raises `TimeoutError` when nothing
    moved on for `stall_seconds`.

    Something to read is not yet an answer: TLS has things of its own to say.
    """
    waiting, look, stood_still = _under_way(link), _SHORTEST_LOOK_SECONDS, 0.0
    while waiting:
        heard = bool(select.select([link], [], [], look)[0])
        if heard:
            time.sleep(look)
        left = _under_way(link)
        stood_still = stood_still + look if left == waiting else 0.0
        if heard and stood_still >= _LAST_WORD_SECONDS:
            return
        if stood_still >= stall_seconds:
            raise TimeoutError("nothing that was sent arrives any more")
        waiting, look = left, min(2 * look, _LONGEST_LOOK_SECONDS)


def stay_awake(link: socket.socket) -> None:
    """Calls a silent other end now and then (TCP keepalives), so that no router forgets the link while a file travels on
    another one, or a store takes its time."""
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 6)):
        if hasattr(socket, option):
            link.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def _under_way(link: socket.socket) -> int:
    """How many bytes the other end has not acknowledged (tcp(7), SIOCOUTQ)."""
    told: int = struct.unpack("i", fcntl.ioctl(link.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return told
