"""The stages together, as the pipeline joins them: rows in, a sealed parcel out, read back value for value."""

import csv
import gzip
import hashlib
import io
import threading

import pyarrow as pa
import pytest
import zstandard

from paquebot.content.fields import Obfuscation
from paquebot.content.obfuscation.normalisation import Normalisation
from paquebot.content.obfuscation.sha256 import Sha256
from paquebot.content.obfuscation.treatment import Hashed
from paquebot.errors import PackagingError, RunCancelledError
from paquebot.flow import Meter, Rows
from paquebot.formats.csv import CsvFormat
from paquebot.packaging.artifact import ArtifactStore
from paquebot.packaging.compression.gzip import GzipCompression
from paquebot.packaging.compression.zstd import ZstdCompression
from paquebot.packaging.concurrency import ahead

KEY = bytes(range(32))
SCHEMA = pa.schema({"code": pa.string(), "email": pa.string(), "note": pa.string()})


def unzstd(small):
    return zstandard.ZstdDecompressor().decompressobj().decompress(small)


UNPACK = {GzipCompression: gzip.decompress, ZstdCompression: unzstd}


def batches(count=40, rows=2000, error=None):
    for number in range(count):
        codes = [f"{number:03}{row:05}" for row in range(rows)]
        yield pa.record_batch(
            {"code": codes, "email": [f"{code}@Example.org " for code in codes], "note": ['a "b",\r\nc', None] * (rows // 2)},
        )
    if error is not None:
        raise error


def road(compression, source):
    """Content, format, compression; and the meters before and after the compression."""
    leaving = Obfuscation(Sha256, {"email": Hashed(Normalisation("email"))}).apply(Rows(SCHEMA, source))
    plain, packed = Meter(), Meter()
    blocks = ahead(plain.watch(CsvFormat({}).write(leaving)))
    return ahead(packed.watch(compression({}).pack(blocks))), plain, packed


def own_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("paquebot-")]


@pytest.mark.parametrize("compression", [GzipCompression, ZstdCompression])
def test_rows_become_a_parcel_that_opens_to_the_same_values(tmp_path, compression):
    store = ArtifactStore(tmp_path, KEY)
    blocks, plain, packed = road(compression, batches())
    kept = store.seal("run-1", blocks)
    parcel = b"".join(store.open(kept.location, kept.wrapped_key).read())
    file = UNPACK[compression](parcel)
    assert (plain.measure.size_bytes, plain.measure.sha256) == (len(file), hashlib.sha256(file).hexdigest())
    assert kept.measure == packed.measure
    read_back = list(csv.reader(io.StringIO(file.decode(), newline="")))
    assert read_back[0] == ["code", "email", "note"]
    assert len(read_back) == 80_001
    assert read_back[1] == ["00000000", hashlib.sha256(b"00000000@example.org").hexdigest(), 'a "b",\r\nc']
    assert read_back[-1] == ["03901999", hashlib.sha256(b"03901999@example.org").hexdigest(), ""]
    assert own_threads() == []


@pytest.mark.parametrize("compression", [GzipCompression, ZstdCompression])
def test_the_same_rows_give_the_same_parcel(tmp_path, compression):
    store = ArtifactStore(tmp_path, KEY)
    first, second = (store.seal("run-1", road(compression, batches(count=5))[0]).measure for _ in range(2))
    assert first == second


@pytest.mark.parametrize("after", [0, 1, 40])
def test_a_source_that_fails_leaves_neither_artifact_nor_thread(tmp_path, after):
    error = RunCancelledError()
    with pytest.raises(RunCancelledError) as seen:
        ArtifactStore(tmp_path, KEY).seal("run-1", road(GzipCompression, batches(after, error=error))[0])
    assert seen.value is error
    assert list(tmp_path.iterdir()) == []
    assert own_threads() == []


def test_a_store_that_fails_closes_the_whole_road(tmp_path):
    closed = threading.Event()

    def source():
        try:
            yield from batches(count=100_000)
        finally:
            closed.set()

    (tmp_path / "file").write_text("in the way")
    blocks = road(GzipCompression, source())[0]
    next(blocks)
    with pytest.raises(PackagingError) as refused:
        ArtifactStore(tmp_path / "file", KEY).seal("run-1", blocks)
    assert refused.value.code == "packaging.not_kept"
    assert closed.is_set()
    assert own_threads() == []
