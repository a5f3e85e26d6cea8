"""What services say on standard error while they run: lines to read on a terminal, one JSON document a line anywhere else.

No personal value and no secret stands in a log: a run is told by its number, its export, its outcome and its counts.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from paquebot.language import translator
from paquebot.records.words import status_name

FACTS = "facts"
"""The attribute of a log record whose values stand beside the message in JSON."""

logger = logging.getLogger("paquebot.run")


def log_to_standard_error() -> None:
    """From now on this process logs there, its own words from INFO on, those of libraries from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines() if sys.stderr.isatty() else Documents())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("paquebot").setLevel(logging.INFO)


class Lines(logging.Formatter):
    """`14:05:09  message`; from WARNING on the level stands before the message."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s  %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        told = super().format(record)
        if record.levelno < logging.WARNING:
            return told
        at, _, rest = told.partition("  ")
        return f"{at}  {record.levelname}  {rest}"


class Documents(logging.Formatter):
    """One JSON object a line: `time` (ISO 8601, UTC), `level`, `logger`, `message`, and the facts the record carries."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, FACTS, {}),
        }
        if record.exc_info:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


def tell_end(run_id: int) -> None:
    """One line for a run that has ended; nothing for one that has not."""
    from paquebot.records.models import Run  # here: services log before their database is open
    from paquebot.records.models.history import FINISHED

    run = Run.objects.filter(id=run_id, status__in=FINISHED).first()
    if run is None:
        return
    _ = translator()
    told = _("run {run}  {export}  {status}").format(run=run.id, export=run.export_name, status=status_name(run.status, _))
    code = run.error["code"] if run.error else None
    if run.rows is not None and run.status == "delivered":
        told += "  " + _("{rows} rows").format(rows=run.rows)
    if code:
        told += f"  ({code})"
    facts = {"run": run.id, "export": run.export_name, "status": run.status, "rows": run.rows, "code": code}
    logger.info(told, extra={FACTS: facts})
