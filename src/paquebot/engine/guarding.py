"""Duties that come again and again: one that fails for want of the database is reported, and due again next time."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from paquebot.errors import StoreError

logger = logging.getLogger("paquebot.engine")


def guarded(duty: Callable[[], object]) -> None:
    """Does `duty`; nothing but a defect comes out of it."""
    try:
        close_old_connections()
        duty()
    except (DatabaseError, InterfaceError, StoreError) as error:
        told = error.code if isinstance(error, StoreError) else type(error).__name__
        logger.warning("the database is out of reach (%s); trying again", told)
        connections.close_all()
