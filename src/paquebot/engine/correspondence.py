"""The file that leads from old tokens to new ones: for each value of a field, its token under two versions of the key.

It takes the road of every file (rows from the sandbox, obfuscation on the batches, CSV, sealed). No value in clear is in it,
and its order is drawn by lot each time, so that it does not tell which value is first in the alphabet.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import tempfile
import threading
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from paquebot.content.fields import Obfuscation
from paquebot.content.obfuscation.hmac_sha256 import HmacSha256
from paquebot.content.obfuscation.normalisation import Normalisation
from paquebot.content.obfuscation.treatment import Hashed
from paquebot.engine.carrying_in import lives
from paquebot.engine.workplace import artifact_store
from paquebot.errors import CommandError, PaquebotError, Problem, describe
from paquebot.flow import Blocks, Cancellation, RowCounter, Rows
from paquebot.formats.csv import CsvFormat
from paquebot.options import DefinitionError, nearest, read
from paquebot.records.connection import Records
from paquebot.records.databases import opened, quoted
from paquebot.records.key_versions import key_versions
from paquebot.records.lakes import hmac_key
from paquebot.records.models import Correspondence, Project, Table, User
from paquebot.records.obfuscation_keys import note
from paquebot.records.selectors import find_named
from paquebot.sources.base import DescribedSource
from paquebot.sources.lake.duck import literal
from paquebot.sources.selection import QuerySelection

OLD, NEW = "old_token", "new_token"

UNKNOWN_FIELD = Problem(
    "correspondence.unknown_field",
    "The table “{table}” has no field “{field}”.",
    "Did you mean “{nearest}”? Its fields are: {known}.",
)
UNKNOWN_VERSION = Problem(
    "correspondence.unknown_version",
    "The project's obfuscation key has no version {version}.",
    "Its versions are: {known}.",
)
SAME_VERSION = Problem(
    "correspondence.same_version",
    "Both versions are {version}: every token would be its own.",
    "Choose two different versions; rotate the key first when there is but one.",
)
STOPPED = Problem(
    "correspondence.stopped", "The correspondence was stopped before its end.", "Ask for it again; nothing of it was kept."
)
BROKEN = Problem(
    "correspondence.broken",
    "The correspondence ended by a fault of Paquebot ({kind}).",
    "Tell whoever runs Paquebot: its log says more.",
)
NOT_THERE = Problem(
    "correspondence.not_there", "There is no file of this correspondence.", "Wait until it is made, or ask for it again."
)

_logger = logging.getLogger(__name__)
_threads: dict[int, threading.Thread] = {}


def ask(project: Project, wanted: Correspondence, by: User | None) -> Correspondence:
    """Keeps what is wanted (a row not saved yet), and who asked. Raises `PaquebotError` when it means nothing here."""
    table = find_named(Table, project, wanted.table)
    if wanted.field not in table.columns:
        close = nearest(wanted.field, table.columns)
        raise DefinitionError(
            UNKNOWN_FIELD, ("field",), table=table.name, field=wanted.field, nearest=close, known=table.columns
        )
    Normalisation(wanted.normalise, wanted.region or None)
    versions = key_versions(project)
    for place, version in (("old_version", wanted.old_version), ("new_version", wanted.new_version)):
        if version not in versions:
            raise DefinitionError(UNKNOWN_VERSION, (place,), version=version, known=versions)
    if wanted.old_version == wanted.new_version:
        raise DefinitionError(SAME_VERSION, ("new_version",), version=wanted.new_version)
    wanted.project, wanted.process = project, os.getpid()
    with transaction.atomic():
        wanted.save()
        note(project, "asked", by, **_named(wanted))
    return wanted


def begin(records: Records, asked: Correspondence, wait_seconds: float) -> None:
    """Makes the file in a thread, and waits a little: most are made by then."""
    thread = threading.Thread(target=_carry, args=(records, asked), name=f"correspondence-{asked.pk}")
    _threads[asked.pk] = thread
    thread.start()
    thread.join(wait_seconds)


def make(records: Records, asked: Correspondence) -> None:
    """Makes the file and keeps it sealed. Raises `PaquebotError`."""
    project = asked.project
    normalisation = Normalisation(asked.normalise, asked.region or None)
    scratch = tempfile.TemporaryDirectory(prefix="tokens-", dir=records.home.scratch)
    with scratch as folder, _source(records, project, asked, Path(folder)) as source:
        rows = source.rows()
        for column, version in ((OLD, asked.old_version), (NEW, asked.new_version)):
            rows = Obfuscation(HmacSha256, {column: Hashed(normalisation)}, hmac_key(records, project, version)).apply(rows)
        counter = RowCounter(rows, Cancellation())
        sealed = artifact_store(records).seal(f"tokens{asked.pk}", _written(counter.rows))
    asked.location, asked.wrapped_key = sealed.location, sealed.wrapped_key
    asked.rows, asked.size_bytes, asked.sha256 = counter.count, sealed.measure.size_bytes, sealed.measure.sha256
    asked.finished_at = timezone.now()
    asked.save()


def state_of(asked: Correspondence) -> str:
    """`working`, `ready`, `failed`, or `removed`."""
    if asked.location:
        return "ready"
    if asked.error is not None:
        return "failed"
    if asked.finished_at is not None:
        return "removed"
    mine = asked.process == os.getpid()
    return "working" if (asked.pk in _threads if mine else lives(asked.process)) else "failed"


def error_of(asked: Correspondence) -> dict[str, Any]:
    """Why there is no file."""
    return dict(asked.error or describe(CommandError(STOPPED)))


def download(records: Records, asked: Correspondence, by: User | None) -> Blocks:
    """The file's bytes; the key's log says who took them. Raises when there is no file."""
    if not asked.location:
        raise CommandError(NOT_THERE)
    blocks = artifact_store(records).open(asked.location, asked.wrapped_key).read()
    note(asked.project, "downloaded", by, **_named(asked))
    return blocks


def remove(records: Records, asked: Correspondence, by: User | None) -> None:
    """The file is gone; the log still tells that there was one."""
    if not asked.location:
        raise CommandError(NOT_THERE)
    artifact_store(records).remove(asked.location)
    asked.location = asked.wrapped_key = ""
    asked.save()
    note(asked.project, "removed", by, **_named(asked))


def file_name(asked: Correspondence) -> str:
    """`contacts.email.v1-v2.csv`, whatever the field is called."""
    field = re.sub(r"[^\w-]+", "_", asked.field)
    return f"{asked.table}.{field}.v{asked.old_version}-v{asked.new_version}.csv"


def _carry(records: Records, asked: Correspondence) -> None:
    try:
        make(records, asked)
    except PaquebotError as error:
        _fail(asked, error)
    except Exception as error:
        _logger.exception("a correspondence ended by a fault")
        _fail(asked, CommandError(BROKEN, kind=type(error).__name__))
    finally:
        _threads.pop(asked.pk, None)
        connection.close()


def _fail(asked: Correspondence, error: PaquebotError) -> None:
    asked.error, asked.finished_at = describe(error), timezone.now()
    asked.save()


def _source(records: Records, project: Project, asked: Correspondence, folder: Path) -> DescribedSource:
    field, table = (quoted(records, project, name) for name in (asked.field, asked.table))
    some = f"select distinct {field} as value from {table} where trim(cast({field} as varchar)) <> ''"  # noqa: S608 — names are quoted
    lot = f"md5(concat({literal(secrets.token_hex(16))}, cast(value as varchar)))"
    sql = f"select value as {OLD}, value as {NEW} from ({some}) as found order by {lot}"  # noqa: S608
    return opened(records, project, QuerySelection(sql, order="none"), scratch=folder)


def _written(rows: Rows) -> Blocks:
    return CsvFormat(read(CsvFormat.OPTIONS, {})).write(rows)


def _named(asked: Correspondence) -> dict[str, str | int]:
    return {"table": asked.table, "field": asked.field, "old": asked.old_version, "new": asked.new_version}
