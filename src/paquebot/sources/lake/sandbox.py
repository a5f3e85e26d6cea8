"""The child process in which a project's data is read: `python -I -m paquebot.sources.lake.sandbox FD`.

It stands in a scratch folder of its own with an empty environment, is given one job (a JSON line on standard input), answers on
the pipe FD (JSON lines), waits for the word to go, and writes an Arrow stream to standard output. It knows one snapshot of the
tables it reads and the keys of their files: no address, no password, no network. When standard input closes, its parent is gone
or done with it: it empties its folder and ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import duckdb
import pyarrow as pa

from paquebot.errors import Problem, SourceError
from paquebot.sources.lake import confinement, duck
from paquebot.sources.lake.duck import identifier, literal
from paquebot.sources.lake.expression import extended
from paquebot.sources.lake.problems import DUPLICATE_COLUMN, TOO_SLOW, pack, translate
from paquebot.sources.lake.statement import ordered, written

Job = Mapping[str, Any]
"""What `reading.py` writes: `file`, `data_folder`, `readable`, `tree`, `calculated`, `fields`, `complete_order`, `at_most`,
`counted`, `parameters` (of which the statement itself uses `own_parameters`), `batch_rows` and `limits`. Statement and
expressions come as parse trees, which cannot hold anything but a SELECT."""

_THREADS = 1
"""Sums of fractions, first values and ties come out the same each time only where one thread meets the rows in order. More
threads cost more processor time for the same rows, and the stages after this one use the other cores."""
_ADDRESS_SPACE_BESIDE_DUCKDB = 3 << 30
_CPU_SECONDS_BESIDE_DUCKDB = 600
_GRACE_SECONDS = 5.0
_MEGABYTE = 1 << 20
_HOLES_IN_SPILL_FILES = 4
"""DuckDB counts what it spills, but leaves holes in the files; the kernel's limit, on length, is the second fence."""


class Budget:
    """Calls `interrupt` once DuckDB has computed for `seconds`, then `give_up` if it does not listen.

    The time spent waiting for whoever takes the rows is free.
    """

    def __init__(self, seconds: float, interrupt: Callable[[], None], give_up: Callable[[], None]) -> None:
        self._left, self._interrupt, self._give_up = seconds, interrupt, give_up
        self._started: float | None = None
        self._changed = threading.Condition()
        threading.Thread(target=self._watch, daemon=True).start()

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        with self._changed:
            self._started = time.monotonic()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._left -= time.monotonic() - self._started
                self._started = None
                self._changed.notify()

    def _watch(self) -> None:
        self._wait_until(0.0)
        self._interrupt()
        self._wait_until(-_GRACE_SECONDS)
        self._give_up()

    def _wait_until(self, least: float) -> None:
        with self._changed:
            while (left := self._left_now() - least) > 0:
                self._changed.wait(left if self._started is not None else None)

    def _left_now(self) -> float:
        return self._left - (time.monotonic() - self._started if self._started is not None else 0.0)


Words = queue.SimpleQueue[bytes]
"""The lines the parent says."""


def main() -> None:
    run(serve)


def run(serve: Callable[[Words, IO[str], Path], None]) -> None:
    """Never returns: leaving through the interpreter's own end would wait for the thread that watches the parent."""
    scratch = Path.cwd()
    answers = os.fdopen(int(sys.argv[1]), "w", encoding="utf-8")
    words = _follow_parent(scratch)
    try:
        serve(words, answers, scratch)
    except BrokenPipeError:
        pass  # nobody takes the rows any more
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(0)


def connected(job: Job, scratch: Path, *load: str) -> duckdb.DuckDBPyConnection:
    """A connection within the limits of the job, that still reaches what the process does."""
    limits = job["limits"]
    return duck.connect(
        scratch,
        load=load,
        memory_limit=f"{limits['memory_mb']}MB",
        threads=_THREADS,
        checked=False,  # they lie among the programs this very process runs; whoever brings rows in looks at them
        settings={"max_temp_directory_size": f"{limits['spill_mb']}MB"},
    )


def locked(connection: duckdb.DuckDBPyConnection, job: Job) -> duckdb.DuckDBPyConnection:
    """The connection, that from here on reaches the readable files of the job and nothing else."""
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"set allowed_paths = [{', '.join(map(literal, job['readable']))}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")
    return connection


def opened(job: Job, scratch: Path) -> duckdb.DuckDBPyConnection:
    """The locked connection: the sealed lake and nothing else. The sealed file is gone afterwards."""
    connection, file = connected(job, scratch, duck.DUCKLAKE), Path(job["file"])
    catalogue = secrets.token_hex(16)  # a name no statement can know
    options = f"read_only, metadata_catalog '{catalogue}', data_path {literal(job['data_folder'] + '/')}"
    connection.execute(f"attach {literal('ducklake:' + str(file))} as {identifier('lake')} ({options})")
    file.unlink()
    connection.execute("use lake")
    return locked(connection, job)


def confine(job: Job, scratch: Path) -> bool:
    """Closes the process in before DuckDB starts: its threads inherit the walls. False where there is no Landlock."""
    limits = job["limits"]
    confinement.limit_resources(
        memory_bytes=limits["memory_mb"] * _MEGABYTE + _ADDRESS_SPACE_BESIDE_DUCKDB,
        cpu_seconds=limits["timeout_seconds"] * _THREADS + _CPU_SECONDS_BESIDE_DUCKDB,
        file_bytes=limits["spill_mb"] * _MEGABYTE * _HOLES_IN_SPILL_FILES,
    )
    return confinement.close_file_system(readable=map(Path, job["readable"]), writable=scratch)


def serve(
    words: Words,
    answers: IO[str],
    scratch: Path,
    act: Callable[[Job, Words, IO[str], Path], None] | None = None,
    others: Mapping[str, Problem] | None = None,
) -> None:
    """Does what the job asks for (`act`; a lake's rows without it); it may name `others` beside the problems of a lake."""
    job = json.loads(words.get())
    try:
        confine(job, scratch)
        (act or _act)(job, words, answers, scratch)
    except BrokenPipeError:
        raise
    except SourceError as error:
        say(answers, pack(error, others))
    except Exception as error:  # noqa: BLE001 — nobody is above this frame: the problem is named to the parent, or lost
        say(answers, pack(translate(error, job["limits"], job["fields"])))


def _act(job: Job, words: Words, answers: IO[str], scratch: Path) -> None:
    with contextlib.closing(opened(job, scratch)) as connection:
        read(connection, job, words, answers)


def read(connection: duckdb.DuckDBPyConnection, job: Job, words: Words, answers: IO[str]) -> None:
    """Tells the columns, waits for the word to go, and gives the rows."""
    seconds = job["limits"]["timeout_seconds"]
    too_slow = pack(SourceError(TOO_SLOW, seconds=seconds))
    budget = Budget(seconds, connection.interrupt, lambda: give_up(answers, too_slow))
    confinement.forbid_children()
    parameters = {name: _value(value) for name, value in job["parameters"].items()}
    with budget.computing():
        given = _columns(connection, written(job["tree"]), {name: parameters[name] for name in job["own_parameters"]})
        columns = _columns(connection, _whole(job, written(job["tree"]), given), parameters) if job["calculated"] else given
    say(answers, {"columns": columns})
    words.get()
    statement = _whole(job, ordered(job["tree"], len(given)) if job["complete_order"] else written(job["tree"]), given)
    if job["counted"]:
        statement = f"select (select count(*) from ({statement})), * from ({statement})"  # noqa: S608 — a checked statement
    if job["at_most"] is not None:
        statement = f"select * from ({statement}) limit {int(job['at_most'])}"  # noqa: S608 — around a checked statement
    say(answers, {"rows": _stream(connection, statement, parameters, job["batch_rows"], budget)})


def _whole(job: Job, statement: str, given: list[tuple[str, str]]) -> str:
    """The statement with the calculated columns; its order stays, as a projection keeps it on one thread."""
    return extended(statement, [name for name, _ in given], job["calculated"]) if job["calculated"] else statement


def _columns(connection: duckdb.DuckDBPyConnection, statement: str, parameters: dict[str, Any]) -> list[tuple[str, str]]:
    """Binds the statement: fields, types and names are checked, no file is opened."""
    found = connection.execute(f"describe {statement}", parameters).fetchall()
    names = [str(row[0]).casefold() for row in found]
    for name in names:
        if names.count(name) > 1:
            raise SourceError(DUPLICATE_COLUMN, column=name)
    return [(str(row[0]), str(row[1])) for row in found]


def _stream(
    connection: duckdb.DuckDBPyConnection, statement: str, parameters: dict[str, Any], batch_rows: int, budget: Budget
) -> int:
    rows = 0
    with budget.computing():
        reader = connection.execute(statement, parameters).to_arrow_reader(batch_rows)
    schema = _plain(reader.schema)
    with os.fdopen(1, "wb", closefd=False) as output, pa.ipc.new_stream(output, schema) as sink:
        while True:
            with budget.computing():
                batch = next(reader, None)
            if batch is None:
                break
            sink.write_batch(batch if batch.schema.equals(schema) else batch.cast(schema))
            rows += batch.num_rows
    return rows


def _plain(schema: pa.Schema) -> pa.Schema:
    """Without dictionaries, which DuckDB makes of enumerations: what reads the rows expects the values themselves."""
    fields = [field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field for field in schema]
    return pa.schema(fields)


_KINDS: Mapping[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "datetime": datetime.fromisoformat,
    "Decimal": Decimal,
    "int": int,
    "str": str,
}


def _value(written_value: Any) -> Any:
    if isinstance(written_value, list):
        return [_value(item) for item in written_value]
    if written_value is None:
        return None
    kind, text = next(iter(written_value.items()))
    return _KINDS[kind](text)


def say(answers: IO[str], message: Mapping[str, Any]) -> None:
    """One answer to the parent."""
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def give_up(answers: IO[str], message: Mapping[str, Any]) -> None:
    """For computations that do not answer an interruption: says why, and ends the process in the middle of them."""
    say(answers, message)
    os._exit(1)


def _follow_parent(scratch: Path) -> Words:
    """The lines of standard input; at its end the process ends, whatever it is doing."""
    words: Words = queue.SimpleQueue()

    def follow() -> None:
        for line in sys.stdin.buffer:
            words.put(line)
        shutil.rmtree(scratch, ignore_errors=True)
        os._exit(0)

    threading.Thread(target=follow, daemon=True).start()
    return words


if __name__ == "__main__":
    main()
