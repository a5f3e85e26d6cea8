"""The WSGI application. The database connection is open for as long as the process lives."""

from __future__ import annotations

import atexit
from contextlib import ExitStack

from django.core.wsgi import get_wsgi_application

from paquebot.records.connection import open_records

_open = ExitStack()
_open.enter_context(open_records())
atexit.register(_open.close)

application = get_wsgi_application()
