"""The child process of one attempt: loads the frozen definition, walks the road, writes history.

It alone decrypts the secrets the run needs. It ends with 0 when history says how the attempt went, and with anything else when
somebody else must: its worker then starts the next attempt.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import traceback
from multiprocessing.connection import Connection

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from paquebot import pipeline
from paquebot.engine.assembly import assemble
from paquebot.engine.attempts import is_over, verdict
from paquebot.engine.logs import log_to_standard_error
from paquebot.engine.receipts import receipt_of
from paquebot.engine.workplace import workplace
from paquebot.errors import FencedError, PaquebotError, RunCancelledError, UncertainError, describe
from paquebot.flow import Cancellation
from paquebot.records import changes, holding, runs
from paquebot.records.connection import Records, open_records
from paquebot.records.listener import HistoryListener
from paquebot.records.models import Run

ORPHANED = 70
"""Exit code of a child whose worker is gone."""

logger = logging.getLogger("paquebot.run")


def main(pipe: Connection, run_id: int, attempt: int, machine: str) -> None:
    """The child's whole life; `machine` is the worker it belongs to."""
    log_to_standard_error()
    cancellation = Cancellation()
    threading.Thread(target=_heed, args=(pipe, cancellation), daemon=True).start()
    try:
        with open_records(migrate=False) as records:
            _carry(records, run_id, attempt, machine, cancellation)
    except FencedError:
        logger.warning("run %s: attempt %s was taken over and stops", run_id, attempt)
    except Exception as error:  # noqa: BLE001  # multiprocessing would print it with the drivers' own words
        _log_failure(run_id, attempt, error)
        sys.exit(1)


def _carry(records: Records, run_id: int, attempt: int, machine: str, cancellation: Cancellation) -> None:
    run = runs.begin(run_id, attempt, machine)
    if run is None:
        return
    if is_over(run):
        _clean_up(records, run)
        return
    try:
        if not run.verification:
            changes.require_fresh(run)
        with workplace(records, run) as scratch:
            plan = assemble(records, run, scratch)
            outcome = pipeline.carry_out(plan, HistoryListener(run_id, attempt), cancellation, timezone.now)
        if outcome.status == "held":
            holding.hold(run_id, attempt, outcome.artifact.held_for)
            return
        receipt = receipt_of(records, run, plan, outcome) if outcome.remote_path else None
        runs.finish(run_id, attempt, outcome.status, receipt)
    except (FencedError, OperationalError, InterfaceError):
        raise  # without its database an attempt says nothing: it is lost, and the next one goes on from the checkpoint
    except RunCancelledError as error:
        runs.end(run_id, attempt, "cancelled", error)
    except UncertainError as error:
        _log_failure(run_id, attempt, error)
        holding.hold(run_id, attempt, [describe(error)])
    except Exception as error:  # noqa: BLE001  # whatever it is, history must say that the attempt failed
        _log_failure(run_id, attempt, error)
        runs.fail(run_id, attempt, error)


def _clean_up(records: Records, run: Run) -> None:
    """The run does not go on: what its attempts may have left on the server is removed, as far as it can be reached."""
    outcome = None
    try:
        if runs.may_have_left_a_file(run):
            with workplace(records, run) as scratch:
                plan = assemble(records, run, scratch)
                outcome = pipeline.clean_up(plan, HistoryListener(run.id, run.attempt), timezone.now)
    finally:
        if outcome is None:
            runs.end(run.id, run.attempt, *verdict(run))
    if outcome is not None:
        runs.finish(run.id, run.attempt, outcome.status, receipt_of(records, run, plan, outcome))


def _log_failure(run_id: int, attempt: int, error: Exception) -> None:
    """Where it failed, without the drivers' own words: they may quote a value or a secret."""
    logger.error("run %s: attempt %s failed: %s", run_id, attempt, describe(error)["code"])
    if not isinstance(error, PaquebotError):
        logger.error("%s\n%s", type(error).__name__, "".join(traceback.format_tb(error.__traceback__)))


def _heed(pipe: Connection, cancellation: Cancellation) -> None:
    """Anything in the pipe means stop; its end means that the worker is gone, and then nothing may be delivered any more."""
    try:
        while pipe.recv_bytes():
            cancellation.cancel()
    except (EOFError, OSError):
        os._exit(ORPHANED)
