"""The wire to a MySQL or MariaDB: dialled at a checked address, signed in by the driver, its results taken as bytes.

Promise: no password leaves in clear on an open line, no file of this machine is ever sent, rows are taken as they come.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import COMMAND
from pymysql.protocol import FieldDescriptorPacket

from paquebot.errors import Problem, SourceError
from paquebot.sources.lake.problems import DUPLICATE_COLUMN
from paquebot.sources.outside import problems
from paquebot.sources.outside.base import addresses
from paquebot.sources.outside.mysql_types import MysqlColumn
from paquebot.sources.outside.network import CONNECT_SECONDS, ENCRYPT, OFF, VERIFY, place_of, trusted_authorities

_MARGIN_SECONDS = 30
"""A server ends its own statements; one that says nothing for so much longer is gone."""
_WHOLE_PACKET = 0xFFFFFF
_IN_CLEAR = (b"mysql_clear_password", b"dialog")

_CODES: Mapping[int, Problem] = {
    **dict.fromkeys((1045, 1698, 1251, 2059, 2061), problems.SIGN_IN_REFUSED),
    **dict.fromkeys((1820, 1862), problems.PASSWORD_EXPIRED),
    **dict.fromkeys((1129, 1130, 3118, 3159, 4151), problems.NOT_LET_IN),
    **dict.fromkeys((1040, 1203, 1226), problems.TOO_MANY_CONNECTIONS),
    **dict.fromkeys((1053, 1077, 1079, 2006, 2013, 2055), problems.SERVER_LOST),
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370, 1356), problems.NOT_PERMITTED),
    **dict.fromkeys((1146, 1051), problems.NO_TABLE_NOW),
    **dict.fromkeys((1792, 1290), problems.ONLY_READS),
    **dict.fromkeys((1969, 3024, 1317, 1205), problems.TOO_SLOW),
    **dict.fromkeys((1213, 1412), problems.CONFLICT),
    **dict.fromkeys((3, 1021, 1037, 1038, 1041, 1114, 1153), problems.OVERLOADED),
    **dict.fromkeys((1242, 1292, 1365, 1406, 1411, 1441, 1690), problems.VALUE_REFUSED),
    1049: problems.UNKNOWN_DATABASE,
    1054: problems.NO_FIELD_NOW,
    1060: DUPLICATE_COLUMN,
    2026: problems.NO_TLS,
}
_STATES: Mapping[str, Problem] = {
    "42": problems.QUERY_REFUSED,
    "0A": problems.QUERY_REFUSED,
    "21": problems.VALUE_REFUSED,
    "22": problems.VALUE_REFUSED,
    "40": problems.CONFLICT,
    "08": problems.SERVER_LOST,
    "28": problems.SIGN_IN_REFUSED,
}
_QUOTED = re.compile(r"['\"`].*['\"`]", re.DOTALL)


class Wire(Connection):  # type: ignore[misc]  # the driver tells no types
    """The driver's connection, of which signing in is taken; results are read here as bytes."""

    _secure: bool
    _rfile: Any

    def _process_auth(self, plugin_name: bytes, auth_packet: Any, handler: Any = None) -> Any:
        if plugin_name in _IN_CLEAR and not self._secure:
            raise pymysql.err.OperationalError(2061, "a password in clear is asked for on an open line")
        return super()._process_auth(plugin_name, auth_packet, handler)

    def described(self, sql: str) -> tuple[list[MysqlColumn], int]:
        """The columns a statement would give, and how many `?` are in it. Nothing is computed; two statements are refused."""
        self._execute_command(COMMAND.COM_STMT_PREPARE, sql)
        packet = self._read_packet()
        packet.read_uint8()
        number, columns, parameters = packet.read_uint32(), packet.read_uint16(), packet.read_uint16()
        self._passed_over(parameters)
        found = self._columns(columns)
        self._execute_command(COMMAND.COM_STMT_CLOSE, struct.pack("<I", number))
        return found, parameters

    def carry_out(self, sql: str) -> list[MysqlColumn]:
        """Carries a statement out and gives the columns of what follows."""
        self._execute_command(COMMAND.COM_QUERY, sql)
        packet = self._read_packet()
        if packet.is_ok_packet():
            return []
        if packet.is_load_local_packet():
            raise pymysql.err.OperationalError(2027, "the server asks for a file of this machine")
        return self._columns(packet.read_length_encoded_integer())

    def packets(self) -> Iterator[bytes]:
        """The rows of what `carry_out` began, each as it came."""
        while True:
            header = self._taken(4)
            length = header[0] | header[1] << 8 | header[2] << 16
            row = self._taken(length)
            while length == _WHOLE_PACKET:
                header = self._taken(4)
                length = header[0] | header[1] << 8 | header[2] << 16
                row += self._taken(length)
            if row[0] == 0xFE and len(row) < 9:
                return
            if row[0] == 0xFF:
                pymysql.err.raise_mysql_exception(row)
            yield row

    def _taken(self, length: int) -> bytes:
        try:
            taken: bytes = self._rfile.read(length)
        except TimeoutError as error:
            raise pymysql.err.OperationalError(1969, "the server says nothing") from error
        except OSError as error:
            raise pymysql.err.OperationalError(2013, "the line broke") from error
        if len(taken) < length:
            raise pymysql.err.OperationalError(2013, "the line broke")
        return taken

    def _columns(self, count: int) -> list[MysqlColumn]:
        found = [self._read_packet(FieldDescriptorPacket) for _ in range(count)]
        if count:
            self._read_packet()
        return [MysqlColumn(one.name, one.type_code, one.charsetnr, one.length, one.flags, one.scale) for one in found]

    def _passed_over(self, count: int) -> None:
        for _ in range(count + 1 if count else 0):
            self._read_packet()

    def let_wait(self, seconds: int) -> None:
        """From here on the server may compute for so long before it says something."""
        self._read_timeout = seconds + _MARGIN_SECONDS

    def hang_up(self) -> None:
        """At once: a polite end would first take all rows that are still to come."""
        self._force_close()


def fields_of(packet: bytes, count: int) -> list[bytes | None]:
    """The values of one row: each has its length before it."""
    found: list[bytes | None] = []
    place = 0
    for _ in range(count):
        length = packet[place]
        place += 1
        if length == 251:
            found.append(None)
            continue
        if length > 251:
            wide = {252: 2, 253: 3, 254: 8}[length]
            length = int.from_bytes(packet[place : place + wide], "little")
            place += wide
        found.append(packet[place : place + length])
        place += length
    return found


def translated(options: Mapping[str, Any], error: pymysql.Error, seconds: int) -> SourceError:
    code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    state = str(getattr(error, "sqlstate", None) or "")
    problem = _CODES.get(code) or _STATES.get(state[:2], problems.READING_FAILED)
    told = str(error.args[1]) if len(error.args) > 1 else ""
    return SourceError(
        problem,
        place=place_of(options),
        username=options["username"],
        database=options["database"],
        seconds=seconds,
        state=str(code or type(error).__name__),
        reason=_QUOTED.sub("'…'", told).rstrip(".") if problem is problems.QUERY_REFUSED else "",
        column=_duplicate(told) if problem is DUPLICATE_COLUMN else "",
    )


def _duplicate(told: str) -> str:
    found = re.search(r"'(.*)'", told)
    return found[1] if found else ""


def connected(options: Mapping[str, Any], seconds: int) -> Wire:
    """A connection at the first address that answers. Raises `SourceError`."""
    failure: SourceError | None = None
    context = _context(options)
    for address in addresses(options["host"], options["port"]):
        try:
            return _dialled(options, address, context, seconds)
        except (pymysql.Error, OSError) as error:
            failure = _refused(options, error, seconds)
            failure.__cause__ = error
    raise failure or SourceError(problems.NO_CONNECTION, place=place_of(options))


def _dialled(options: Mapping[str, Any], address: str, context: ssl.SSLContext | None, seconds: int) -> Wire:
    password = options.get("password")
    wire = Wire(
        host=options["host"],
        port=options["port"],
        user=options["username"],
        password=password.reveal().encode() if password else b"",
        database=options["database"],
        charset="utf8mb4",
        conv={},
        autocommit=None,
        local_infile=False,
        program_name="paquebot",
        read_timeout=CONNECT_SECONDS,
        write_timeout=CONNECT_SECONDS,
        ssl=context,
        ssl_disabled=context is None,
        defer_connect=True,
    )
    line = socket.create_connection((address, options["port"]), CONNECT_SECONDS)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    try:
        wire.connect(line)
    except BaseException:
        line.close()
        raise
    wire.let_wait(seconds)
    return wire


def _context(options: Mapping[str, Any]) -> ssl.SSLContext | None:
    if options["tls"] == OFF:
        return None
    if options["tls"] == ENCRYPT:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    given = options.get("ca_certificate") if options["tls"] == VERIFY else None
    try:
        return ssl.create_default_context(cafile=None if given else trusted_authorities(), cadata=given or None)
    except (ssl.SSLError, ValueError) as error:
        raise SourceError(problems.AUTHORITY_UNUSABLE, place=place_of(options)) from error


def _refused(options: Mapping[str, Any], error: pymysql.Error | OSError, seconds: int) -> SourceError:
    """While dialling, what went wrong on the line stands inside the driver's error."""
    line = error if isinstance(error, OSError) else getattr(error, "original_exception", None)
    named = {"place": place_of(options), "username": options["username"]}
    if isinstance(line, ssl.SSLError):
        refused = isinstance(line, ssl.SSLCertVerificationError)
        return SourceError(problems.CERTIFICATE_REFUSED if refused else problems.NO_CONNECTION, **named)
    if isinstance(line, OSError) or not isinstance(error, pymysql.Error):
        return SourceError(problems.UNREACHABLE, **named)
    found = translated(options, error, seconds)
    unknown = found.code in (problems.READING_FAILED.code, problems.SERVER_LOST.code)
    return SourceError(problems.NO_CONNECTION, **named) if unknown else found
