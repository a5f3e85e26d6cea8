"""One connection to a PostgreSQL that is not ours: dialled at a checked address, in one transaction that may only read.

Promise: the settings that change how values are written are the same whatever the server, the role or the environment says.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
from psycopg import pq

from paquebot.errors import Problem, SourceError
from paquebot.sources.outside import problems
from paquebot.sources.outside.base import addresses
from paquebot.sources.outside.network import CONNECT_SECONDS, ENCRYPT, OFF, VERIFY, place_of, trusted_authorities
from paquebot.sources.outside.postgresql_sql import identifier, written
from paquebot.sources.selecting import Statement

_TLS = {VERIFY: "verify-full", ENCRYPT: "require", OFF: "disable"}
_WRITTEN_AS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "client_encoding": "UTF8",
    "synchronize_seqscans": "off",
    "client_min_messages": "error",
    "standard_conforming_strings": "on",
}
"""How values become text, wherever the database is: what `psql` prints under these. And rows come in the table's own order."""

_REFUSALS: tuple[tuple[str, Problem], ...] = (
    (
        r"password authentication failed|authentification par mot de passe échouée|no password supplied",
        problems.SIGN_IN_REFUSED,
    ),
    (r"role .* does not exist|le rôle .* n'existe pas|not permitted to log in", problems.SIGN_IN_REFUSED),
    (r"database .* does not exist|la base de données .* n'existe pas", problems.UNKNOWN_DATABASE),
    (
        r"no pg_hba\.conf entry|pg_hba\.conf rejects|permission denied for database|peer authentication failed",
        problems.NOT_LET_IN,
    ),
    (r"too many (clients|connections)|remaining connection slots", problems.TOO_MANY_CONNECTIONS),
    (r"the database system is|is not currently accepting connections", problems.STARTING),
    (r"does not support SSL", problems.NO_TLS),
    (r"certificate verify failed|does not match host name|certificate.*(expired|not yet valid)", problems.CERTIFICATE_REFUSED),
    (r"could not read root certificate file|root certificate file .* does not exist", problems.AUTHORITY_UNUSABLE),
    (r"[Cc]onnection refused|timeout expired|timed out|[Nn]o route to host|unreachable", problems.UNREACHABLE),
)
_STATES: tuple[tuple[str, Problem], ...] = (
    ("42P01", problems.NO_TABLE_NOW),
    ("42703", problems.NO_FIELD_NOW),
    ("42501", problems.NOT_PERMITTED),
    ("25", problems.ONLY_READS),
    ("0A", problems.QUERY_REFUSED),
    ("57014", problems.TOO_SLOW),
    ("55P03", problems.TOO_SLOW),
    ("57P", problems.SERVER_LOST),
    ("08", problems.SERVER_LOST),
    ("28", problems.SIGN_IN_REFUSED),
    ("53", problems.OVERLOADED),
    ("40", problems.CONFLICT),
    ("42", problems.QUERY_REFUSED),
    ("22", problems.VALUE_REFUSED),
    ("21", problems.VALUE_REFUSED),
)
_QUOTED = re.compile(r"'[^']*'")


class Link:
    """The connection, while entered. `seconds` is the most a statement may take."""

    def __init__(self, options: Mapping[str, Any], seconds: int) -> None:
        self._options, self._seconds = options, seconds
        self._connection: psycopg.Connection | None = None

    def __enter__(self) -> Link:
        self._connection = connected(self._options)
        try:
            with self.translating():
                self._begin()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """What is still being computed there is given up. May be called twice."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if connection.pgconn.status == pq.ConnStatus.OK and connection.info.transaction_status == pq.TransactionStatus.ACTIVE:
            with contextlib.suppress(psycopg.Error):  # a server that is gone computes nothing any more
                connection.cancel_safe(timeout=2)
        connection.close()

    @property
    def connection(self) -> psycopg.Connection:
        if self._connection is None:
            raise RuntimeError("the database is read while the link is entered")
        return self._connection

    @property
    def schema(self) -> str:
        return str(self._options["schema"])

    def ask(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a statement of ours, whose answer is small."""
        with self.translating():
            return self.connection.execute(sql.encode(), values or None).fetchall()

    def bind(self, values: Mapping[str, Any]) -> None:
        """Keeps the values of a statement where it reads them."""
        with self.translating():
            for name, value in values.items():
                text = written(value)
                as_text = "%s::text[]::text" if isinstance(text, list) else "%s::text"
                self.connection.execute(f"SELECT set_config(%s, {as_text}, true)".encode(), (f"paquebot.{name}", text))

    def describe(self, statement: Statement) -> list[tuple[str, int, int]]:
        """Name, type and modifier of each column; nothing is computed. The server takes one statement here, and no more."""
        self.bind(statement.values)
        pgconn = self.connection.pgconn
        with self.translating():
            _accepted(pgconn.prepare(b"", statement.sql.encode()))
            result = _accepted(pgconn.describe_prepared(b""))
        if statement.alone:
            self._require_one_row(statement.alone)
        return [
            ((result.fname(place) or b"").decode(), result.ftype(place), result.fmod(place)) for place in range(result.nfields)
        ]

    def _require_one_row(self, alone: str) -> None:
        """Nothing of several rows may stand in a condition."""
        try:
            _accepted(self.connection.pgconn.prepare(b"", alone.encode()))
        except psycopg.Error as error:
            raise SourceError(problems.SEVERAL_ROWS) from error

    @contextlib.contextmanager
    def translating(self) -> Iterator[None]:
        """Turns the driver's errors into ours."""
        try:
            yield
        except psycopg.Error as error:
            raise self._translated(error) from error

    def _begin(self) -> None:
        connection = self.connection
        connection.execute("BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        settings = {
            **_WRITTEN_AS,
            "search_path": identifier(self.schema),
            "statement_timeout": f"{self._seconds}s",
            "lock_timeout": f"{min(self._seconds, 30)}s",
        }
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, true)", (name, value))

    def _translated(self, error: psycopg.Error) -> SourceError:
        state = error.sqlstate or ("08006" if isinstance(error, psycopg.OperationalError) else "")
        problem = next((problem for beginning, problem in _STATES if state.startswith(beginning)), problems.READING_FAILED)
        return SourceError(
            problem,
            place=place_of(self._options),
            username=self._options["username"],
            seconds=self._seconds,
            state=state or type(error).__name__,
            reason=_reason(error) if problem is problems.QUERY_REFUSED else "",
        )


def _accepted(result: pq.abc.PGresult) -> pq.abc.PGresult:
    if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
        raise psycopg.errors.error_from_result(result)
    return result


def connected(options: Mapping[str, Any]) -> psycopg.Connection:
    """A connection at the first address that answers. Raises `SourceError`."""
    failure: psycopg.Error | None = None
    with _authority(options) as authority:
        for address in addresses(options["host"], options["port"]):
            try:
                return psycopg.connect("", autocommit=True, prepare_threshold=None, **_words(options, address, authority))
            except psycopg.Error as error:
                failure = error
    raise _refused(options, str(failure)) from failure


def _words(options: Mapping[str, Any], address: str, authority: str) -> dict[str, Any]:
    """Everything is said, so that neither environment nor home folder says anything."""
    password = options.get("password")
    words = {
        "host": options["host"],
        "hostaddr": address,
        "port": options["port"],
        "dbname": options["database"],
        "user": options["username"],
        "password": password.reveal() if password else "",
        "passfile": "/dev/null/none",
        "sslmode": _TLS[options["tls"]],
        "sslcertmode": "disable",
        "gssencmode": "disable",
        "connect_timeout": CONNECT_SECONDS,
        "application_name": "paquebot",
        "options": "",
        "target_session_attrs": "any",
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 60_000,
    }
    return {**words, "sslrootcert": authority} if options["tls"] == VERIFY else words


@contextlib.contextmanager
def _authority(options: Mapping[str, Any]) -> Iterator[str]:
    """The file that holds the trusted authorities: the one that was given, or those of this machine."""
    given = options.get("ca_certificate")
    if not given or options["tls"] != VERIFY:
        yield trusted_authorities() or "system"
        return
    with tempfile.NamedTemporaryFile("w", prefix="paquebot-authority-", suffix=".pem", encoding="utf-8") as file:
        file.write(given)
        file.flush()
        yield file.name


def _refused(options: Mapping[str, Any], told: str) -> SourceError:
    """While signing in the driver knows no code, only the server's words; they are looked at and not shown."""
    problem = next((problem for pattern, problem in _REFUSALS if re.search(pattern, told)), problems.NO_CONNECTION)
    told_of = {"place": place_of(options), "username": options["username"], "database": options["database"]}
    return SourceError(problem, **told_of)


def _reason(error: psycopg.Error) -> str:
    """The server's words about the statement alone, without what stands between quotes."""
    return _QUOTED.sub("'…'", error.diag.message_primary or "").rstrip(".")
