"""Apache Avro container files (specification 1.11): the schema first, then blocks of rows, each packed by itself.

Promise: types and values are those of the rows; the same rows give the same bytes; neither writer nor reader ever holds more
than a block. Every field may be null (`["null", T]`). Dates, times, moments and decimals have Avro's logical types. What a name
of Avro may not have is spelt `_xHHHH_` (UTF-16, as XML tools spell names), and what looks so already, too: so no two columns
come to one name, and the true one stands in the field's `doc`. polars writes the rows (the names, the schema and the framing
are ours), so Python never touches a value.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from paquebot.errors import FormatError, Problem
from paquebot.file_keys import options_of
from paquebot.flow import Blocks, Rows, closing_upstream
from paquebot.formats.avro_types import AvroType, avro_type
from paquebot.formats.base import Format
from paquebot.formats.texts import plain
from paquebot.parquet_file import grouped

if TYPE_CHECKING:
    import pyarrow as pa

NOT_IN_AVRO = Problem(
    "format.type_not_in_avro",
    "Column “{column}”: an Avro file cannot hold its type ({type}).",
    "Leave that field out, or turn it into text in a query.",
)
VALUE_NOT_IN_AVRO = Problem(
    "format.value_not_held",
    "Row {row}, column “{column}”: an Avro file cannot hold this moment, which is finer than a millionth of a second.",
    "Round the value in a query, turn it into text there, or leave that field out.",
)

BLOCK_BYTES = 1 << 20
"""Of rows in a block, about: a reader holds one."""
_MAGIC = b"Obj\x01"
_SYNC_BYTES = 16
_RAW_DEFLATE = -15
_FAST = 1
_CODECS = {"deflate": "deflate", "zstd": "zstandard", "none": "null"}
"""As people choose them, and as the specification names them."""
_REFUSED = re.compile(r"[^A-Za-z0-9_]|^[0-9]|_(?=x[0-9A-F]{4}_)")


class AvroFormat(Format):
    NAME = "avro"
    EXTENSION = ".avro"
    IS_TEXT = False
    OPTIONS: ClassVar = options_of("avro")

    def write(self, rows: Rows) -> Blocks:
        found = plain(rows)
        types = [_type_of(field) for field in found.schema]
        return self._file(found, types)

    def _file(self, rows: Rows, types: list[AvroType]) -> Blocks:
        codec = self.options.get("avro_codec", "deflate")
        schema = _schema(self.options.get("record_name", "row"), rows.schema.names, types)
        header = _header(schema, _CODECS[codec])
        sync = hashlib.sha256(header).digest()[:_SYNC_BYTES]  # a mark of no meaning, and always the same
        packed = _packer(codec)
        groups = grouped(rows, BLOCK_BYTES)
        with closing_upstream(rows.batches), closing_upstream(groups):
            yield header + sync
            before = 0
            for group in groups:
                for count, plain_bytes in _written(_held(group, types, before)):
                    block = packed(plain_bytes)
                    yield _long(count) + _long(len(block)) + block + sync
                before += group.num_rows


def _type_of(field: pa.Field[Any]) -> AvroType:
    found = avro_type(field.type)
    if found is None:
        raise FormatError(NOT_IN_AVRO, column=field.name, type=str(field.type))
    return found


def spelt(name: str) -> str:
    """The column's name as Avro may have it."""
    return _REFUSED.sub(lambda found: "".join(f"_x{unit:04X}_" for unit in _utf16(found[0])), name) or "_"


def _utf16(character: str) -> Iterator[int]:
    units = character.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))


def _schema(record: str, names: list[str], types: list[AvroType]) -> str:
    fields = []
    for name, kind in zip(names, types, strict=True):
        written = spelt(name)
        told = {"doc": name} if written != name else {}
        fields.append({"name": written, **told, "type": ["null", kind.schema], "default": None})
    return json.dumps({"type": "record", "name": record, "fields": fields}, ensure_ascii=False, separators=(",", ":"))


def _header(schema: str, codec: str) -> bytes:
    pairs = {"avro.schema": schema.encode(), "avro.codec": codec.encode()}
    entries = b"".join(_bytes(name.encode()) + _bytes(value) for name, value in pairs.items())
    return _MAGIC + _long(len(pairs)) + entries + _long(0)


def _bytes(value: bytes) -> bytes:
    return _long(len(value)) + value


def _long(number: int) -> bytes:
    """As Avro writes a length: its sign last, seven bits a byte, the lowest first."""
    left, found = number << 1, bytearray()
    while left > 0x7F:
        found.append(left & 0x7F | 0x80)
        left >>= 7
    found.append(left)
    return bytes(found)


def _read_long(content: bytes, at: int) -> tuple[int, int]:
    """The number that stands there, and where it ends."""
    found = shift = 0
    while True:
        byte = content[at]
        found |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return found >> 1, at


def _held(group: pa.Table, types: list[AvroType], before: int) -> pa.Table:
    """The rows with columns that are written as they stand."""
    import pyarrow as pa

    columns = []
    for field, kind, column in zip(group.schema, types, group.columns, strict=True):
        try:
            columns.append(kind.physical(column))
        except pa.ArrowInvalid as error:
            row = next(row for row in range(len(column)) if not _is_held(kind, column.slice(row, 1)))
            raise FormatError(VALUE_NOT_IN_AVRO, row=before + row + 1, column=field.name) from error
    return pa.table(columns, names=[f"c{place}" for place in range(len(columns))])


def _is_held(kind: AvroType, one: pa.ChunkedArray[Any]) -> bool:
    import pyarrow as pa

    try:
        kind.physical(one)
    except pa.ArrowInvalid:
        return False
    return True


def _written(table: pa.Table) -> Iterator[tuple[int, bytes]]:
    """The blocks of a file that polars writes of the rows: how many rows, and their bytes."""
    import polars as pl

    sink = io.BytesIO()
    pl.DataFrame(table).rechunk().write_avro(sink, compression="uncompressed")
    file = sink.getvalue()
    at = file.index(file[-_SYNC_BYTES:]) + _SYNC_BYTES
    while at < len(file):
        count, at = _read_long(file, at)
        size, at = _read_long(file, at)
        if count:
            yield count, file[at : at + size]
        at += size + _SYNC_BYTES


def _packer(codec: str) -> Callable[[bytes], bytes]:
    if codec == "none":
        return lambda block: block
    if codec == "zstd":
        import zstandard

        return zstandard.ZstdCompressor(level=_FAST).compress
    from isal import isal_zlib

    def deflated(block: bytes) -> bytes:
        packer = isal_zlib.compressobj(_FAST, isal_zlib.DEFLATED, _RAW_DEFLATE)
        return packer.compress(block) + packer.flush()

    return deflated
