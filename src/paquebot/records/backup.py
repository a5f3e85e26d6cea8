"""The whole installation in one archive, and an empty machine made whole from it.

An archive is an uncompressed tar (POSIX.1-2001): a dump of the database (`pg_dump`'s custom format) of one snapshot, then the
folders of `KEPT` as they were no earlier than that snapshot, then `manifest.json` with the size and SHA-256 of every member.
Files of a lake and kept files are never changed once written, so whatever the snapshot names is in the archive as it was; one
that was removed while the archive was written makes it fail. The archive holds the keys: whoever reads it reads everything.

Promise: a restored installation is whole, or the folder it was to stand in is as empty as before, and so is the database unless
it was filled and only the projects' roles could not be made.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psycopg

from paquebot import __version__
from paquebot.errors import DeliveryError, Problem, StoreError
from paquebot.records.connection import Records, address_of, open_records
from paquebot.records.home import Home
from paquebot.records.postgres.address import ServerAddress
from paquebot.records.postgres.binaries import find_binaries
from paquebot.records.storage import mirror_of

DUMP_FAILED = Problem(
    "store.dump_failed",
    "{program} could not deal with the database (it ended with {status}).",
    "What the program said stands above. Check the free space, and that the database's version is at most {version}.",
)
FILE_GONE = Problem(
    "store.backup_file_gone",
    "The file {path} was removed while the backup was made.",
    "Make the backup again; this one cannot be used.",
    retryable=True,
)
NOT_A_BACKUP = Problem(
    "store.not_a_backup",
    "This is not a whole backup of Paquebot: {reason}.",
    "Give an archive that `paquebot backup` made, complete and unchanged, and decrypted if you encrypted it.",
)
NEWER = Problem(
    "store.backup_newer",
    "The backup was made by Paquebot {made_by}, and this is Paquebot {version}.",
    "Install that version or a later one, then restore.",
)
NOT_EMPTY = Problem(
    "store.not_empty",
    "There is something in {place} already: a backup is only restored where there is nothing.",
    "Name an empty PAQUEBOT_HOME (and an empty database in PAQUEBOT_DATABASE_URL).",
)

DATABASE, MANIFEST = "database.dump", "manifest.json"
KEPT = ("keys", "lake", "artifacts", "uploads")
"""The folders of a home that cannot be made again. What was delivered into a folder is the partner's."""
SHARED = ("lake", "artifacts")
"""Those of them that stand in the storage machines share, where there is one."""
POSTGRESQL = "18"
_UNPACKED = ".restoring"
_PIECE = 1 << 20


@dataclass
class Manifest:
    """What an archive holds: by name of each member its size in bytes and its SHA-256."""

    version: str = __version__
    members: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def size_bytes(self) -> int:
        return sum(int(member["size_bytes"]) for member in self.members.values())

    def to_document(self) -> dict[str, Any]:
        return {"paquebot": self.version, "members": self.members}


def back_up(records: Records, target: IO[bytes]) -> Manifest:
    """Writes the archive. Raises `StoreError`; what was written until then is of no use."""
    manifest = Manifest()
    with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive, _dumped(records) as (dump, needed):
        _add(archive, manifest, DATABASE, dump)
        if mirror := mirror_of(records.depot, ""):
            mirror.pull_all(records.home.root, sorted(needed))
        for path in _kept_files(records.home):
            name = str(path.relative_to(records.home.root))
            try:
                _add(archive, manifest, name, path)
            except FileNotFoundError as error:
                if name in needed:
                    raise StoreError(FILE_GONE, path=path) from error
        for name in needed - manifest.members.keys():
            raise StoreError(FILE_GONE, path=records.home.root / name)
        _add_text(archive, MANIFEST, json.dumps(manifest.to_document(), indent=1))
    return manifest


def restore(home: Home, source: IO[bytes], *, paused: bool) -> Manifest:
    """Makes an empty home (and an empty database) what the archive says; `paused` pauses every active export.

    Raises `StoreError`; nothing is left of a restoration that failed.
    """
    _require_nothing(home)
    unpacked = home.root / _UNPACKED
    unpacked.mkdir(mode=0o700, parents=True)
    try:
        manifest = _unpack(source, unpacked)
        for name in KEPT:
            if (unpacked / name).exists():
                (unpacked / name).rename(home.root / name)
        _fill(home, unpacked / DATABASE, paused=paused)
    except BaseException:
        _clear(home)
        raise
    shutil.rmtree(unpacked)
    return manifest


# ── making one ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _dumped(records: Records) -> Iterator[tuple[Path, set[str]]]:
    """The database's dump in a file that is gone afterwards, and the names of the files its snapshot needs."""
    dump = records.home.scratch / f"backup-{os.getpid()}.dump"
    try:
        with psycopg.connect(records.address.conninfo()) as connection:
            connection.execute("set transaction isolation level repeatable read, read only")
            row = connection.execute("select pg_export_snapshot()").fetchone()
            needed = _needed(connection)
            options = ["--format=custom", "--no-owner", "--no-acl", f"--snapshot={row[0] if row else ''}", f"--file={dump}"]
            _run("pg_dump", records.address, options)
        yield dump, needed
    finally:
        dump.unlink(missing_ok=True)


def _needed(connection: psycopg.Connection) -> set[str]:
    """Every file of a lake and every kept file the snapshot names, relative to the home."""
    needed = set()
    kept = connection.execute("select table_name from information_schema.columns where column_name = 'wrapped_key'").fetchall()
    for (table,) in kept:
        statement = psycopg.sql.SQL("select location from {table} where location <> ''").format(
            table=psycopg.sql.Identifier(table)
        )
        needed |= {f"artifacts/{location}" for (location,) in connection.execute(statement)}
    schemas = connection.execute("select schemaname from pg_tables where tablename = 'ducklake_data_file'").fetchall()
    for (schema,) in schemas:
        needed |= {f"lake/{schema}/{path}" for path in _lake_files(connection, str(schema))}
    return needed


def _lake_files(connection: psycopg.Connection, schema: str) -> Iterator[str]:
    """Data and delete files (DuckLake specification 0.3: relative to table, schema and lake)."""
    for kind in ("data", "delete"):
        statement = psycopg.sql.SQL(
            "select concat(case when s.path_is_relative then s.path end, case when t.path_is_relative then t.path end, f.path)"
            " from {schema}.{files} f join {schema}.ducklake_table t using (table_id)"
            " join {schema}.ducklake_schema s using (schema_id) where f.path_is_relative"
        )
        files = psycopg.sql.Identifier(f"ducklake_{kind}_file")
        for (path,) in connection.execute(statement.format(schema=psycopg.sql.Identifier(schema), files=files)):
            yield str(path)


def _kept_files(home: Home) -> Iterator[Path]:
    for name in KEPT:
        yield from sorted(path for path in (home.root / name).rglob("*") if path.is_file())


def _add(archive: tarfile.TarFile, manifest: Manifest, name: str, path: Path) -> None:
    with path.open("rb") as file:
        entry = archive.gettarinfo(arcname=name, fileobj=file)
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        watched = _Watched(file)
        archive.addfile(entry, watched)
    manifest.members[name] = {"size_bytes": entry.size, "sha256": watched.digest.hexdigest()}


class _Watched(io.RawIOBase):
    """A file whose bytes are digested as they are read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self.digest.update(piece)
        return piece


def _add_text(archive: tarfile.TarFile, name: str, text: str) -> None:
    content = text.encode()
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), 0o600
    archive.addfile(entry, io.BytesIO(content))


# ── restoring one ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _require_nothing(home: Home) -> None:
    if home.root.exists() and any(home.root.iterdir()):
        raise StoreError(NOT_EMPTY, place=home.root)
    if home.database_url:
        address = address_of(home.database_url)
        with _connected(address) as connection:
            row = connection.execute(
                "select count(*) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
            )
            if (row.fetchone() or (1,))[0]:
                raise StoreError(NOT_EMPTY, place=f"{address.host}/{address.database}")


def _unpack(source: IO[bytes], folder: Path) -> Manifest:
    """Everything of the archive, once it is seen to be what the manifest says."""
    found: dict[str, dict[str, Any]] = {}
    try:
        with tarfile.open(fileobj=source, mode="r|") as archive:
            for entry in archive:
                if not _is_ours(entry):
                    raise StoreError(NOT_A_BACKUP, reason=entry.name)
                found[entry.name] = _extract(archive, entry, folder)
    except (tarfile.TarError, EOFError) as error:
        raise StoreError(NOT_A_BACKUP, reason="tar") from error
    found.pop(MANIFEST, None)
    return _checked(folder / MANIFEST, found)


def _is_ours(entry: tarfile.TarInfo) -> bool:
    """A plain file in one of our places: an archive from elsewhere can write nowhere else."""
    path = Path(entry.name)
    placed = entry.name in (DATABASE, MANIFEST) or path.parts[0] in KEPT
    return entry.isreg() and placed and not path.is_absolute() and ".." not in path.parts


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> dict[str, Any]:
    path, content = folder / entry.name, archive.extractfile(entry)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while content and (piece := content.read(_PIECE)):
            digest.update(piece)
            file.write(piece)
    return {"size_bytes": entry.size, "sha256": digest.hexdigest()}


def _checked(path: Path, found: Mapping[str, Any]) -> Manifest:
    if not path.exists():
        raise StoreError(NOT_A_BACKUP, reason=MANIFEST)
    written = json.loads(path.read_text())
    for name in sorted(written["members"].keys() | found.keys()):
        if written["members"].get(name) != found.get(name):
            raise StoreError(NOT_A_BACKUP, reason=name)
    if _release(written["paquebot"]) > _release(__version__):
        raise StoreError(NEWER, made_by=written["paquebot"], version=__version__)
    return Manifest(written["paquebot"], dict(found))


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:3] if part.isdecimal())


def _fill(home: Home, dump: Path, *, paused: bool) -> None:
    with open_records(home, migrate=False, wait=True) as records:
        options = ["--no-owner", "--no-acl", "--exit-on-error", "--single-transaction", f"--dbname={records.address.database}"]
        _run("pg_restore", records.address, [*options, str(dump)], named=False)
    with open_records(home, wait=True) as records:
        _settle_in(records, paused=paused)


def _settle_in(records: Records, *, paused: bool) -> None:
    """What lies outside the database and the kept folders: roles of the server, shared storage, folders to deliver to."""
    from paquebot.export import ACTIVE, PAUSED
    from paquebot.records.exports import switch
    from paquebot.records.lakes import lake_address, renew_role
    from paquebot.records.models import Export, Project, Server
    from paquebot.records.servers import make_folder
    from paquebot.sources.lake.provision import provision

    with psycopg.connect(records.address.conninfo(), autocommit=True) as admin:
        for project in Project.objects.all():
            renew_role(records, project)
            provision(admin, lake_address(records, project))
    for name in SHARED:
        if mirror := mirror_of(records.depot, f"{name}/"):
            mirror.push_new(records.home.root / name)
    for server in Server.objects.filter(kind="folder"):
        with suppress(DeliveryError):  # not allowed on this machine: the next test of the destination says so
            make_folder(records, server.kind, server.options)
    for export in Export.objects.filter(state=ACTIVE).select_related("project") if paused else ():
        switch(export.project, export.name, PAUSED)


def _clear(home: Home) -> None:
    """What a failed restoration had put there is gone; the folder stays, empty."""
    for path in home.root.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


# ── the programs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _run(program: str, address: ServerAddress, options: list[str], *, named: bool = True) -> None:
    command = [str(find_binaries().program(program)), f"--host={address.host}", f"--port={address.port}"]
    command += [f"--username={address.user}", "--no-password", *options, *([address.database] if named else [])]
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGPASSWORD": address.password.reveal()}
    ended = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    if ended.returncode != 0:
        raise StoreError(DUMP_FAILED, program=program, status=ended.returncode, version=POSTGRESQL)


@contextmanager
def _connected(address: ServerAddress) -> Iterator[psycopg.Connection]:
    from paquebot.records.connection import UNREACHABLE

    try:
        connection = psycopg.connect(address.conninfo())
    except psycopg.OperationalError as error:
        raise StoreError(UNREACHABLE, host=address.host, port=address.port) from error
    with connection:
        yield connection
