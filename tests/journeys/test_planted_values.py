"""Values nobody may read, planted in every field that is hidden, and looked for wherever a run leaves something: its files, the
lake, the database with its write-ahead log, what processes say, what pages show, what lies on the disk while it works."""

import contextlib
import hashlib
import io
import os
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import psycopg
import pytest

from fixtures.home import Installation, eventually, install
from fixtures.postgres import fresh_database
from journeys.projects import FINISHED

PLANTED = ("Planted.Person@Example.org", "418 555-0179", "Kamouraska-1945-secret", "planted-domain.example")
NORMALISED = ("planted.person@example.org", "+14185550179")
NEEDLES = (*PLANTED, *NORMALISED, "5550179", "planted.person")
ALGORITHMS = ("hmac-sha256", "sha256", "sha512", "sha1", "md5")
ROWS = "id,email,phone,notes,site\n1,{},{},{},{}\n2,b@example.org,418 555-0101,x,example.org\n".format(*PLANTED)

PROJECT = """
version: 1
project: {name: letters}
contacts: {table: contacts, import: FILE, key: [id]}
servers:
  - {name: shelf, folder: {path: shelf}}
exports:
"""
HIDING = """  - name: by-ALGORITHM
    destination: {server: shelf}
    file: {name: by-ALGORITHM}
    compression: gzip
    content: {calculated: [{name: domain, expression: "upper(site)"}, {name: country, constant: CA, before: phone}]}
    obfuscation:
      algorithm: ALGORITHM
      fields:
        email: {normalise: email}
        phone: {treatment: mask, shown: 3, normalise: phone, region: CA}
        notes: {treatment: remove}
        site: {}
        domain: {normalise: lower}
    hold: {rows_under: HELD}
"""
FAILING = """  - name: failing
    destination: {server: shelf}
    file: {name: failing}
    content: {calculated: [{name: broken, expression: cast(email as integer)}]}
    obfuscation: {fields: {email: {}, broken: {}, phone: {}, notes: {treatment: remove}, site: {}}}
  - name: unquoted
    destination: {server: shelf}
    file: {name: unquoted, quoting: never, delimiter: ","}
    content: {calculated: [{name: broken, expression: "notes || ',' || site"}]}
    obfuscation: {algorithm: sha256, fields: {email: {}, phone: {}, notes: {}, site: {}, broken: {}}}
"""


class Watch:
    """Reads every file below a folder over and over, and remembers where a needle was seen."""

    def __init__(self, root: Path) -> None:
        self._root, self._stop, self.seen, self.looked_at = root, threading.Event(), set(), 0
        self._thread = threading.Thread(target=self._go)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _go(self):
        while not self._stop.wait(0.01):
            for path, content in files(self._root):
                self.looked_at += 1
                self.seen |= {(str(path), needle) for needle in found_in(content)}


def files(root):
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            with contextlib.suppress(OSError):
                yield path, path.read_bytes()


def found_in(content):
    return [needle for needle in NEEDLES if needle.encode() in content]


@pytest.fixture(scope="module")
def sailed(postgres_server, tmp_path_factory):
    """The installation after a run of every export, with what its commands and its worker said."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "contacts.csv").write_text(ROWS)
    exports = "".join(HIDING.replace("ALGORITHM", name).replace("HELD", "5" if name == "md5" else "1") for name in ALGORITHMS)
    with fresh_database(postgres_server) as database:
        home = install(folder / "home", database.url())
        said = [home.apply((PROJECT + exports + FAILING).replace("FILE", str(folder / "contacts.csv")))]
        with Watch(home.root) as watch, working(home, folder / "worker.log"):
            said += [home.command("run", name, "--json") for name in names()]
            eventually(lambda: all_ended(home), "every run ended")
        said += [home.command("show", str(len(names()) - 1)), home.command("show", str(len(names())), "--json")]
        assert not [one.stderr for one in said if one.returncode not in (0, 1, 4)]
        yield home, watch, [one.stdout + one.stderr for one in said] + [(folder / "worker.log").read_text()]


def names():
    return [*(f"by-{name}" for name in ALGORITHMS), "failing", "unquoted"]


@contextlib.contextmanager
def working(home: Installation, log: Path):
    with log.open("w") as told:
        command = [sys.executable, "-m", "paquebot.cli.main", "worker"]
        process = subprocess.Popen(command, env=home.environment, stdout=told, stderr=told, start_new_session=True)
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


def all_ended(home: Installation) -> bool:
    runs = home.document("history")
    return len(runs) == len(names()) and all(run["status"] in (*FINISHED, "held") for run in runs)


def test_every_value_leaves_hidden_by_each_algorithm(sailed):
    home, _, _ = sailed
    for name in ALGORITHMS[1:4]:
        path = home.root / "quay" / "shelf" / f"by-{name}.csv.gz"
        lines = zlib.decompress(path.read_bytes(), wbits=31).decode().splitlines()
        assert lines[0] == "id,email,country,phone,notes,site,domain"
        digest = [hashlib.new(name, text.encode()).hexdigest() for text in (NORMALISED[0], PLANTED[3])]
        assert lines[1] == f"1,{digest[0]},CA,*********179,,{digest[1]},{digest[1]}"


def test_nothing_a_process_said_holds_a_value(sailed):
    _, _, said = sailed
    assert found_in("".join(said).encode()) == []
    assert "failed" in "".join(said)


def test_nothing_on_the_disk_holds_a_value_at_any_moment(sailed):
    home, watch, _ = sailed
    assert watch.looked_at > 100
    assert sorted(watch.seen) == []
    kept = [path for path, content in files(home.root) if found_in(content)]
    assert kept == []
    places = {path.relative_to(home.root).parts[0] for path, _ in files(home.root)}
    assert {"lake", "artifacts", "quay"} <= places


def test_the_database_and_its_write_ahead_log_hold_no_value(sailed, postgres_server):
    with psycopg.connect(postgres_server.conninfo(), autocommit=True) as admin:
        admin.execute("checkpoint")
    folder = Path(postgres_server.host, "data")  # as root the server itself sees it elsewhere
    if not folder.is_dir():
        pytest.skip("the database is on another machine")
    held = [(str(path), found_in(content)) for path, content in files(folder) if found_in(content)]
    assert held == []
    assert any("pg_wal" in str(path) for path, _ in files(folder))


def test_previews_and_their_errors_show_no_value(sailed):
    from paquebot.errors import PaquebotError
    from paquebot.export import ExportDefinition
    from paquebot.records.connection import open_records
    from paquebot.records.home import Home

    home, _, _ = sailed
    shown = io.StringIO()
    with open_records(Home.from_environment(home.environment)) as records:
        from paquebot.engine.kept_files import first_lines
        from paquebot.engine.previewing import preview
        from paquebot.records.models import Export, Run, User

        person = User.objects.create(email="looker@example.org")
        for export in Export.objects.all():
            try:
                print(preview(records, export, ExportDefinition.from_document(export.definition)), file=shown)
            except PaquebotError as error:
                print(repr(error), error.message, error.hint, error.parameters, file=shown)
        for run in Run.objects.filter(status__in=("delivered", "held")):
            print(first_lines(records, run, person), file=shown)
        for run in Run.objects.all():
            print(run.definition, run.error, [step.detail for step in run.steps.all()], file=shown)
    assert found_in(shown.getvalue().encode()) == []
    assert "*********179" in shown.getvalue()
