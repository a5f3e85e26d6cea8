"""The folder one attempt works in: its own, gone when it ends, and swept by whoever comes next when it was killed.

What lies there for a moment (the sealed copy of a lake's metadata, with the keys of its files) must not lie there for long.
"""

from __future__ import annotations

import logging
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from paquebot.packaging.artifact import ArtifactStore
from paquebot.records.connection import Records
from paquebot.records.models import Artifact, Correspondence, RowState, Run
from paquebot.records.models.history import ACTIVE
from paquebot.records.secrets import ARTIFACTS
from paquebot.records.storage import mirror_of

LEFT_OVER_SECONDS = 24 * 3600
UNRECORDED_SECONDS = 3600
"""How old a file must be before anybody asks whether a run records it: sealing and recording lie moments apart."""

logger = logging.getLogger("paquebot.engine")

_NAME = re.compile(r"run-([0-9a-f]+)-([0-9]+)")


@contextmanager
def workplace(records: Records, run: Run) -> Iterator[Path]:
    """A fresh folder for the run's present attempt; what its earlier attempts left is removed first."""
    for left in records.home.scratch.glob(f"run-{run.token}-*"):
        shutil.rmtree(left, ignore_errors=True)
    if run.attempt > 1:
        artifact_store(records).sweep(run.token)
    folder = records.home.scratch / f"run-{run.token}-{run.attempt}"
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def artifact_store(records: Records) -> ArtifactStore:
    """Where produced files are kept, encrypted under the installation's key."""
    mirror = mirror_of(records.depot, "artifacts/")
    return ArtifactStore(records.home.artifacts, records.keyring.key(ARTIFACTS), mirror)


def sweep(records: Records) -> int:
    """Removes the folders of attempts that are no longer anybody's, and what killed commands left a day ago; how many."""
    swept = 0
    for folder in records.home.scratch.iterdir():
        if _is_left_over(folder):
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept


def sweep_artifacts(records: Records) -> int:
    """Removes produced files that no run records, left by attempts that were fenced or killed around the sealing; how many.

    A file is spared while its run may still record it: for an hour after it was last written, and as long as the run is not
    over. Which runs hold one is asked after the folder was read, so that none recorded meanwhile is missed.
    """
    store = artifact_store(records)
    swept = 0
    for name in store.older_than(time.time() - UNRECORDED_SECONDS):
        token = name.lstrip(".").partition("-")[0]
        recorded = any(kind.objects.filter(location=name).exists() for kind in (Artifact, Correspondence, RowState))
        if not recorded and not Run.objects.filter(token=token, status__in=("queued", *ACTIVE)).exists():
            try:
                store.discard(name)
            except OSError as error:
                logger.warning("a file that no run records could not be removed (%s)", type(error).__name__)
            else:
                swept += 1
    return swept


def _is_left_over(folder: Path) -> bool:
    found = _NAME.fullmatch(folder.name)
    if found:
        return not Run.objects.filter(token=found[1], attempt=int(found[2]), status__in=ACTIVE).exists()
    return time.time() - folder.stat().st_mtime > LEFT_OVER_SECONDS
