"""This side of the sandbox's wall: starts the child, gives it its job, takes its rows, and ends it.

What comes back is read with care: an Arrow stream, and answers that can only name a problem known here.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from paquebot.errors import Problem, SourceError
from paquebot.flow import Rows
from paquebot.sources.lake.problems import READER_LOST, unpack

_PIPE_BYTES = 1 << 20
_LONGEST_ANSWER = 16 << 20
"""The columns of a thousand tables."""


class Wall:
    """A child in `folder`, which is its working folder and the only one it may write in. Leaving the context ends it.

    `module` is what it runs; it may name `problems` beside those of a lake.
    """

    def __init__(
        self, folder: Path, module: str = "paquebot.sources.lake.sandbox", problems: Mapping[str, Problem] | None = None
    ) -> None:
        self._folder, self._module, self._problems = folder, module, problems or {}

    def __enter__(self) -> Self:
        receiving, sending = os.pipe()
        self._answers = os.fdopen(receiving, "rb")
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-I", "-m", self._module, str(sending)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={},
                cwd=self._folder,
                pass_fds=(sending,),
                start_new_session=True,
            )
        except BaseException:
            self._answers.close()
            raise
        finally:
            os.close(sending)
        self._widen()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._child.kill()
        self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout, self._answers):
            with contextlib.suppress(BrokenPipeError):  # what was never sent is of no use to anybody
                if pipe is not None:
                    pipe.close()

    @property
    def process_id(self) -> int:
        return self._child.pid

    def give(self, job: Mapping[str, Any]) -> None:
        """Hands over the job; the child opens the lake and binds the statement."""
        self._tell(json.dumps(job))

    def answer(self) -> dict[str, Any]:
        """What the child says next. Raises `SourceError` for what it could not do."""
        line = self._answers.readline(_LONGEST_ANSWER)
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise SourceError(READER_LOST) from error
        if "failed" in answer:
            raise unpack(answer, self._problems)
        return dict(answer)

    def columns(self) -> list[tuple[str, str]]:
        """Name and DuckDB type of each column, once the child has bound the statement. Raises `SourceError`."""
        columns: list[tuple[str, str]] = self.answer()["columns"]
        return columns

    def rows(self) -> Rows:
        """Lets the child go. Once after `columns`."""
        self._tell("go")
        stream = self._child.stdout
        if not isinstance(stream, io.BufferedReader):
            raise SourceError(READER_LOST)
        try:
            reader = pa.ipc.open_stream(stream)
        except (pa.ArrowInvalid, OSError) as error:
            raise self._reason() from error
        return Rows(reader.schema, self._batches(reader))

    def _widen(self) -> None:
        if self._child.stdout is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):  # beyond what the machine grants: only slower
                fcntl.fcntl(self._child.stdout, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def _batches(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        rows = 0
        while (batch := self._next(reader)) is not None:
            rows += batch.num_rows
            yield batch
        if self.answer().get("rows") != rows:
            raise SourceError(READER_LOST)

    def _next(self, reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
        try:
            return reader.read_next_batch()
        except StopIteration:
            return None
        except (pa.ArrowInvalid, OSError) as error:
            raise self._reason() from error

    def _reason(self) -> SourceError:
        """Why the stream broke: what the child said last, if it could still say something."""
        try:
            self.answer()
        except SourceError as error:
            return error
        return SourceError(READER_LOST)

    def _tell(self, line: str) -> None:
        if self._child.stdin is None:
            raise SourceError(READER_LOST)
        try:
            self._child.stdin.write(line.encode() + b"\n")
            self._child.stdin.flush()
        except BrokenPipeError as error:
            raise SourceError(READER_LOST) from error
