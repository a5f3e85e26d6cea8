"""How many values of a field repeat an earlier one, counted exactly on batches as they pass, in bounded memory.

Of each value a keyed 64-bit hash is kept, in a file without a name that is gone with its process; the key is drawn anew each
time, so that the hashes tell nobody anything. Null and empty values repeat nothing.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

HELD_BYTES = 8 << 20
"""What is held in memory before the file is used."""
AT_A_TIME = 8_000_000
"""How many hashes are compared at once; more are compared range by range."""
_BLOCK_BYTES = 8 << 20
_WIDTH = 8
_SPAN = 1 << 64


class Repeats:
    """The values of one field."""

    def __init__(self) -> None:
        self._seed = secrets.randbits(63)
        self._hashes = tempfile.SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115  # closed when it is no longer held
        self._values = 0

    def watch(self, column: pa.Array[Any]) -> None:
        """Takes note of these values."""
        import polars as pl

        values = pl.Series("values", column).drop_nulls()
        if values.dtype == pl.String:
            values = values.filter(values != "")
        self._values += len(values)
        hashes = values.hash(self._seed).to_arrow()
        buffer = hashes.buffers()[1]
        if buffer is not None:
            self._hashes.write(buffer[hashes.offset * _WIDTH : (hashes.offset + len(hashes)) * _WIDTH])

    def count(self, at_a_time: int = AT_A_TIME) -> int:
        """How many values repeat an earlier one."""
        ranges = max(-(-self._values // at_a_time), 1)
        bounds = [_SPAN * number // ranges for number in range(ranges + 1)]
        return self._values - sum(self._distinct(low, high) for low, high in pairwise(bounds))

    def _distinct(self, low: int, high: int) -> int:
        import polars as pl

        within = [block.filter(block.is_between(low, high - 1)) for block in self._blocks()]
        return pl.concat(within).n_unique() if within else 0

    def _blocks(self) -> Iterator[pl.Series]:
        import polars as pl
        import pyarrow as pa

        self._hashes.seek(0)
        while block := self._hashes.read(_BLOCK_BYTES):
            whole = pa.Array.from_buffers(pa.uint64(), len(block) // _WIDTH, [None, pa.py_buffer(block)])
            yield pl.Series("hashes", whole, dtype=pl.UInt64)
