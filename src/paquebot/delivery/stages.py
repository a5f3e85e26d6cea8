"""How far a link has come: told by whoever makes it, heard by whoever listens (the doctor does), and by nobody otherwise.

A stage begins when it is told, and lasts until the next one is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

NAME, CONNECT, IDENTITY, SIGN_IN = "name", "connect", "identity", "sign_in"
STAGES = (NAME, CONNECT, IDENTITY, SIGN_IN)
"""In their order: the server's name is looked up, it answers, it shows who it is, it lets us in."""

Teller = Callable[[str], None]


def _nobody(stage: str) -> None:
    """Hears nothing."""


_listening: ContextVar[Teller] = ContextVar("listening", default=_nobody)


def begin(stage: str) -> None:
    """Tells that `stage` begins."""
    _listening.get()(stage)


def teller() -> Teller:
    """`begin` for another thread, which does not know who listens here."""
    return _listening.get()


@contextmanager
def heard_by(listener: Teller) -> Iterator[None]:
    """Tells `listener` what begins inside."""
    token = _listening.set(listener)
    try:
        yield
    finally:
        _listening.reset(token)
