"""Hostile SQL, tried twice: against the check of statements, and straight in the sandbox as if there were no check."""

import hashlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from fixtures.lake import load_demonstration, make_lake, signed_in
from paquebot.errors import SourceError
from paquebot.sources.lake.catalogue import Catalogue
from paquebot.sources.lake.provision import unprovision
from paquebot.sources.lake.reading import LakeSource, Limits, QuerySelection
from paquebot.sources.lake.seal import metadata_of
from paquebot.sources.lake.statement import check

READABLE = "select count(*) from municipalities"

ATTACKS = {
    "another project": "select * from '{other_file}'",
    "another project by function": "select * from read_parquet('{other_file}')",
    "another schema": "select * from other.main.regions",
    "a table that was not asked for": "select * from regions",
    "an older snapshot": "select * from municipalities at (version => 1)",
    "a server file as a table": "select * from '/etc/hostname'",
    "a server file as text": "select * from read_text('/etc/hostname')",
    "a server file as bytes": "select * from read_blob('/etc/passwd')",
    "a server file as csv": "select * from read_csv('/etc/passwd')",
    "a folder": "select * from read_text('{data}/**')",
    "a way around the folder": "select * from read_text('{file}/../../../../../../../etc/hostname')",
    "another file of the same folder": "select * from read_text('{secret}')",
    "its own memory": "select * from read_blob('/proc/self/mem')",
    "its environment": "select * from read_text('/proc/self/environ')",
    "the web": "select * from read_text('http://127.0.0.1:{port}/')",
    "the web as parquet": "select * from read_parquet('https://127.0.0.1:{port}/x.parquet')",
    "an object store": "select * from read_csv('s3://bucket/x.csv')",
    "PostgreSQL by function": "select * from postgres_scan('host=127.0.0.1 port={port}', 'public', 'people')",
    "PostgreSQL by query": "select * from postgres_query('lake', 'select 1')",
    "PostgreSQL attached": "attach 'host=127.0.0.1 port={port}' as pg (type postgres)",
    "the lake attached": "attach 'ducklake:postgres:host=127.0.0.1 port={port}' as pg2",
    "a database file": "attach '{scratch}/mine.duckdb' as mine",
    "a program": "attach '| id' as mine",
    "an extension by name": "load postgres_scanner",
    "an extension by path": "load '{extension}'",
    "an extension from the network": "install spatial from 'http://127.0.0.1:{port}'",
    "a file written": "copy (select 1) to '{scratch}/x.csv'",
    "a file written elsewhere": "copy (select 1) to '{secret}' (use_tmp_file false)",
    "a data file overwritten": "copy (select 1) to '{file}'",
    "a data file overwritten in place": "copy (select 1 as code) to '{file}' (format parquet, use_tmp_file false)",
    "a database exported": "export database '{scratch}/all'",
    "rows deleted": "delete from municipalities",
    "rows changed": "update municipalities set name = 'x'",
    "a table dropped": "drop table municipalities",
    "a table made": "create table mine as select 1",
    "a view made": "create view mine as select 1",
    "files of other tables cleaned up": "call ducklake_delete_orphaned_files('lake', cleanup_all => true)",
    "a file taken in": "call ducklake_add_data_files('lake', 'municipalities', '{other_file}')",
    "the catalogue of metadata": "select * from __ducklake_metadata_lake.ducklake_data_file",
    "the catalogue of metadata by its schema": "select * from __ducklake_metadata_lake.main.ducklake_table",
    "a Python variable": "select * from leak",
    "a Python variable by query": "from query_table('leak')",
    "a setting": "set memory_limit = '100GB'",
    "a locked setting": "set lock_configuration = false",
    "external access": "set enable_external_access = true",
    "allowed paths": "set allowed_paths = ['/etc/passwd']",
    "a setting put back": "reset memory_limit",
    "a pragma": "pragma memory_limit = '100GB'",
    "an environment variable": "select getenv('HOME')",
    "two statements": "select 1; attach '{scratch}/second.duckdb' as second",
    "two statements behind a comment": "select 1 /* */ ; -- \n copy (select 1) to '{scratch}/y.csv'",
    "an end of text": "select 1\0; copy (select 1) to '{scratch}/z.csv'",
    "SQL made while it runs": "from query('select * from read_text(''/etc/hostname'')')",
    "a tree made while it runs": "from json_execute_serialized_sql(json_serialize_sql('from read_text(''/etc/hostname'')'))",
}
"""None of these may give a row or change a thing; `an end of text` runs only what stands before it."""

HARMLESS = {
    "snapshots expired": "call ducklake_expire_snapshots('lake', older_than => now())",
    "files cleaned up": "call ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "a secret": "create secret s (type http, bearer_token 'x')",
    "files merged": "call ducklake_rewrite_data_files('lake')",
    "settings": "select * from duckdb_settings()",
    "secrets": "select * from duckdb_secrets()",
    "databases": "select * from duckdb_databases()",
    "tables": "select * from duckdb_tables()",
    "the standard's tables": "select * from information_schema.tables",
    "PostgreSQL's tables": "select * from pg_catalog.pg_class",
    "SQLite's tables": "select * from sqlite_master",
    "variables": "select * from duckdb_variables()",
    "logs": "select * from duckdb_logs()",
    "a pragma's table": "select * from pragma_database_size()",
    "columns": "select * from pragma_table_info('municipalities')",
    "databases shown": "show databases",
    "the session": "select current_user, current_schema(), current_setting('temp_directory'), getvariable('x')",
    "functions": "select count(*) from duckdb_functions()",
}
"""The check refuses these; in the sandbox they may answer, and then know no other project, no password, and change nothing."""

PRISONER = """
import contextlib, json, sys
from pathlib import Path
from paquebot.sources.lake import sandbox
job = json.load(sys.stdin)
walls = sandbox.confine(job, Path.cwd())
leak = [{"s": "PYTHON-VARIABLE"}]
answers = {}
with contextlib.closing(sandbox.opened(job, Path.cwd())) as connection:
    for name, sql in job["statements"].items():
        try:
            answers[name] = [True, repr(connection.execute(sql).fetchall())]
        except Exception as error:
            answers[name] = [False, type(error).__name__]
print(json.dumps([walls, answers]))
"""


@pytest.fixture(scope="module")
def prison(postgres_server, tmp_path_factory):
    """Everything above run in one sandbox, beside another project, a file worth stealing, and a listener that hears knocks."""
    folder = tmp_path_factory.mktemp("attacks")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        lakes = [make_lake(postgres_server, folder, f"{name}{os.getpid()}") for name in ("mine", "other")]
        try:
            yield Prison(lakes, folder, listener)
        finally:
            with signed_in(postgres_server) as admin:
                for lake in lakes:
                    unprovision(admin, lake)


class Prison:
    def __init__(self, lakes, folder, listener):
        self.lake, self.other = lakes
        self.listener = listener
        load_demonstration(self.lake)
        load_demonstration(self.other, "regions")
        self.scratch = folder / "cell"
        self.scratch.mkdir(mode=0o700)
        secret = self.lake.data_folder / "secret.txt"
        secret.write_text("worth stealing")
        with Catalogue(self.lake) as catalogue:
            self.snapshot = catalogue.current_snapshot()
        self.before = self.digest()
        self.names = self._names(secret)
        self.walls, self.answers = self._run()

    def digest(self):
        return {
            file: hashlib.sha256(file.read_bytes()).hexdigest() for file in self.lake.data_folder.rglob("*") if file.is_file()
        }

    def _names(self, secret):
        from paquebot.sources.lake.duck import extension_file

        return {
            "other_file": next(self.other.data_folder.rglob("*.parquet")),
            "file": next(self.lake.data_folder.rglob("municipalities/*.parquet")),
            "data": self.lake.data_folder,
            "secret": secret,
            "scratch": self.scratch,
            "port": self.listener.getsockname()[1],
            "extension": extension_file("postgres_scanner"),
        }

    def attack(self, name):
        return (ATTACKS | HARMLESS)[name].format(**self.names)

    def _run(self):
        with metadata_of(self.lake, self.snapshot) as metadata:
            sealed = metadata.seal(self.scratch / "sealed.duckdb", ("municipalities",))
        job = {
            "file": str(sealed.file),
            "data_folder": str(self.lake.data_folder),
            "readable": [str(file) for file in sealed.readable],
            "limits": {"memory_mb": 256, "spill_mb": 100, "timeout_seconds": 60},
            "statements": {name: self.attack(name) for name in ATTACKS | HARMLESS} | {"at the end": READABLE},
        }
        command = [sys.executable, "-I", "-c", PRISONER]
        done = subprocess.run(
            command, input=json.dumps(job).encode(), stdout=subprocess.PIPE, cwd=self.scratch, env={}, check=True
        )
        return json.loads(done.stdout)


@pytest.mark.parametrize("name", [*ATTACKS, *HARMLESS])
def test_the_check_refuses(prison, name):
    tables = {"municipalities": ("code", "name"), "regions": ("region",)}
    if name == "a table that was not asked for":
        tables.pop("regions")
    with pytest.raises(SourceError) as caught:
        check(prison.attack(name), tables)
    assert caught.value.code.startswith("query.")


@pytest.mark.parametrize("name", [name for name in ATTACKS if name != "an end of text"])
def test_the_sandbox_refuses_without_the_check(prison, name):
    if name in ("a data file overwritten in place",) and not prison.walls:
        pytest.skip("this kernel has no Landlock, which alone refuses this")
    succeeded, answer = prison.answers[name]
    assert not succeeded, answer


@pytest.mark.parametrize("name", [*HARMLESS, "an end of text"])
def test_what_the_sandbox_answers_leads_nowhere(prison, name):
    _, answer = prison.answers[name]
    lake = prison.lake
    for hidden in (
        lake.password.reveal(),
        lake.role,
        lake.host,
        lake.schema,
        prison.other.schema,
        "subscriptions",
        "PYTHON-VARIABLE",
    ):
        assert hidden not in answer


def test_the_attacks_changed_nothing_and_called_nobody(prison):
    assert prison.answers["at the end"] == [True, "[(1130,)]"]
    assert prison.digest() == prison.before
    assert [file.name for file in prison.scratch.rglob("*") if file.is_file()] == []
    with pytest.raises(BlockingIOError):
        prison.listener.accept()


def tree(sql):
    """The parse tree as the check would hand it on, without the check."""
    with duckdb.connect() as connection:
        return json.dumps(
            json.loads(connection.execute("select json_serialize_sql(?::varchar)", [sql]).fetchone()[0])["statements"][0]
        )


EXHAUSTIONS = {
    "time": "select count(*) from range(1000000000000) where hash(range) = 1",
    "a recursion without end": "with recursive t as (select 1 n union all select n + 1 from t) select max(n) from t",
    "memory": "select list(range) from range(100000000)",
    "one long text": "select length(repeat('x', 2000000000) || repeat('y', 2000000000))",
    "disk": "select * from range(100000000) order by hash(range)",
    "rows of rows": "select count(*) from range(100000) a, range(100000) b, range(100000) c where hash(a, b, c) = 1",
}


@pytest.mark.parametrize("name", EXHAUSTIONS)
def test_exhaustion_ends_in_a_refusal(prison, name, tmp_path, monkeypatch):
    limits = Limits(sorting_memory_mb=100, spill_mb=20, timeout_seconds=1)
    with LakeSource(prison.lake, prison.snapshot, QuerySelection(READABLE), tmp_path / "scratch", limits) as source:
        monkeypatch.setattr("paquebot.sources.lake.reading.check", lambda *_: unchecked(EXHAUSTIONS[name]))
        with pytest.raises(SourceError) as caught:
            list(source.rows().batches)
    assert caught.value.code == "query.too_costly"
    assert list((tmp_path / "scratch").iterdir()) == []


def unchecked(sql):
    from paquebot.sources.lake.statement import CheckedStatement

    return CheckedStatement(tree(sql), ("municipalities",), ())


def test_a_tree_that_is_no_select_is_not_carried_out(prison, tmp_path, monkeypatch):
    forged = unchecked("select 1")
    object.__setattr__(forged, "tree", json.dumps({"node": {"type": "COPY_NODE", "modifiers": []}}))
    monkeypatch.setattr("paquebot.sources.lake.reading.check", lambda *_: forged)
    with pytest.raises(SourceError):
        LakeSource(prison.lake, prison.snapshot, QuerySelection(READABLE), tmp_path / "scratch").check()


CELL = """
import socket, sys
from pathlib import Path
from paquebot.sources.lake import confinement
print(confinement.close_file_system(readable=[Path(sys.argv[1])], writable=Path.cwd()))
def tried(act):
    try:
        act()
        print("done")
    except OSError as error:
        print(type(error).__name__)
tried(lambda: Path(sys.argv[1]).read_bytes())
tried(lambda: Path("mine").write_bytes(b"x"))
tried(lambda: Path(sys.argv[1]).write_bytes(b"x"))
tried(lambda: Path("/etc/hostname").read_bytes())
tried(lambda: Path(sys.argv[1]).with_name("new").write_bytes(b"x"))
tried(lambda: Path(sys.argv[1]).unlink())
tried(lambda: socket.create_connection(("127.0.0.1", int(sys.argv[2]))))
"""


def test_the_kernel_closes_files_and_network(tmp_path):
    cell, file = tmp_path / "cell", tmp_path / "readable"
    cell.mkdir()
    file.write_bytes(b"data")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-I", "-c", CELL, str(file), str(listener.getsockname()[1])]
        done = subprocess.run(command, stdout=subprocess.PIPE, cwd=cell, env={}, check=True, text=True)
    closed, *results = done.stdout.split()
    if closed != "True":
        pytest.skip("this kernel has no Landlock")
    assert results[:6] == ["done", "done", *["PermissionError"] * 4]
    assert results[6] in ("PermissionError", "done")  # TCP is closed from Linux 6.7 on
    assert Path(file).read_bytes() == b"data"
