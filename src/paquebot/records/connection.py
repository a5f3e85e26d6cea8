"""Connecting to the application's database: the embedded server, or the one an administrator named.

`open_records` is the one way in: it starts (or joins) the server, points Django at it, and brings the schema up to date.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg.conninfo import conninfo_to_dict

from paquebot.addresses import allow
from paquebot.credentials import Secret
from paquebot.errors import Problem, StoreError
from paquebot.mirror import Depot
from paquebot.records.home import Home
from paquebot.records.postgres.address import ServerAddress
from paquebot.records.postgres.client import EmbeddedPostgres
from paquebot.records.secrets import Keyring
from paquebot.records.storage import depot_from

BAD_DATABASE_URL = Problem(
    "store.bad_database_url",
    "PAQUEBOT_DATABASE_URL is not an address of a PostgreSQL database.",
    "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE.",
)
UNREACHABLE = Problem(
    "store.database_unreachable",
    "The application's database on {host}, port {port}, does not answer or does not let us in.",
    "Check PAQUEBOT_DATABASE_URL, that the server is running, and that the database, the user and the password are right.",
    retryable=True,
)
MIGRATION_LOCK = 0x5041_5155
"""The advisory lock under which one process migrates while the others wait."""


@dataclass(frozen=True, slots=True)
class Records:
    """An open installation: its folders, its keys and the address of its database."""

    home: Home
    keyring: Keyring
    address: ServerAddress
    server: EmbeddedPostgres | None
    depot: Depot | None = None
    """The storage this machine shares with others, where it does."""


@contextmanager
def open_records(home: Home | None = None, *, migrate: bool = True, wait: bool = False) -> Iterator[Records]:
    """Opens the installation for as long as the block runs; `wait` also waits for the embedded server to stop afterwards."""
    home = home or Home.from_environment()
    allow(home.allowed_addresses)
    depot = depot_from()
    server = None if home.database_url else EmbeddedPostgres(home.postgres, home.keys)
    address = server.acquire() if server else address_of(home.database_url or "")
    try:
        keyring = Keyring.open(home.keys)
        point_at(address, keyring)
        _connect(address)
        _keep_mail_in(home)
        _keep_uploads_in(home)
        if migrate:
            _migrate()
            keyring = _present_key(home, address, keyring)
        with _told_by_us(address):
            yield Records(home, keyring, address, server, depot)
    finally:
        allow(())
        _close_connections()
        if server:
            server.release(wait=wait)


def address_of(url: str) -> ServerAddress:
    """The address an administrator gave. Raises `StoreError` without repeating it: it holds a password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise StoreError(BAD_DATABASE_URL) from None
    if not parts.get("dbname") or not parts.get("user"):
        raise StoreError(BAD_DATABASE_URL)
    return ServerAddress(
        host=str(parts.get("host") or "localhost"),
        port=int(parts.get("port") or 5432),
        database=str(parts["dbname"]),
        user=str(parts["user"]),
        password=Secret(str(parts.get("password") or "")),
    )


def configure() -> None:
    """Loads Django and the models without touching any database."""
    import django
    from django.apps import apps

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paquebot.records.settings")
    if not apps.ready:
        django.setup()


def point_at(address: ServerAddress, keyring: Keyring) -> None:
    """Makes Django use `address`; every thread's connection is opened with it on first use."""
    configure()
    from django.conf import settings
    from django.db import connections

    settings.SECRET_KEY = base64.b64encode(keyring.key("django")).decode()
    connections.settings["default"].update(
        HOST=address.host,
        PORT=str(address.port),
        NAME=address.database,
        USER=address.user,
        PASSWORD=address.password.reveal(),
    )


@contextmanager
def _told_by_us(address: ServerAddress) -> Iterator[None]:
    from django.db import InterfaceError, OperationalError

    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise StoreError(UNREACHABLE, host=address.host, port=address.port) from error


def _connect(address: ServerAddress) -> None:
    from django.db import OperationalError, connection

    try:
        connection.ensure_connection()
    except OperationalError as error:
        raise StoreError(UNREACHABLE, host=address.host, port=address.port) from error


def _keep_mail_in(home: Home) -> None:
    """Messages to people are files until an administrator names a mail server."""
    from django.conf import settings

    settings.EMAIL_FILE_PATH = str(home.mail)


def _keep_uploads_in(home: Home) -> None:
    """What arrives through the pages is personal: it never lies in a folder others share."""
    from django.conf import settings

    settings.FILE_UPLOAD_TEMP_DIR = str(home.uploads)


def _present_key(home: Home, address: ServerAddress, keyring: Keyring) -> Keyring:
    """The key once a change that was cut off is settled. Raises `StoreError` for a key that is not the installation's."""
    from paquebot.records import rekeying

    rekeying.settle(home.keys)
    present = Keyring.open(home.keys)
    if present != keyring:
        point_at(address, present)
    rekeying.require_own_key(present)
    return present


def _migrate() -> None:
    from django.core.management import call_command
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return
    with connection.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(%s)", [MIGRATION_LOCK])
        try:
            call_command("migrate", verbosity=0, interactive=False)
        finally:
            cursor.execute("select pg_advisory_unlock(%s)", [MIGRATION_LOCK])


def _close_connections() -> None:
    from django.db import connections

    connections.close_all()
