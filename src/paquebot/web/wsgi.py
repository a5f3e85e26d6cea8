"""The WSGI application. The database connection is open for as long as the process lives."""

from __future__ import annotations

import atexit
from contextlib import ExitStack

from django.core.wsgi import get_wsgi_application

from paquebot.engine.logs import log_to_standard_error
from paquebot.engine.serving import die_with_parent
from paquebot.records.connection import open_records
from paquebot.web import installation

# A worker of granian outlives a granian that was killed, and would keep the port and the database.
die_with_parent()
_open = ExitStack()
installation.serve(_open.enter_context(open_records()))
log_to_standard_error()
atexit.register(_open.close)

application = get_wsgi_application()
