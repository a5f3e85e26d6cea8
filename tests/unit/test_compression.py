"""Every compression: read by everybody else's programs, and the same bytes every time."""

import gzip
import random
import subprocess
import zipfile
import zlib

import pytest
import zstandard

from fixtures.programs import needed
from paquebot import zip_file
from paquebot.options import DefinitionError, read
from paquebot.packaging.compression.bzip2 import Bzip2Compression
from paquebot.packaging.compression.gzip import GzipCompression
from paquebot.packaging.compression.xz import XzCompression
from paquebot.packaging.compression.zip import ZipCompression
from paquebot.packaging.compression.zstd import ZstdCompression

KINDS = [GzipCompression, ZipCompression, ZstdCompression, Bzip2Compression, XzCompression]
PROGRAMS = {
    GzipCompression: ["gzip", "-dc"],
    ZstdCompression: ["zstd", "-dc"],
    Bzip2Compression: ["bzip2", "-dc"],
    XzCompression: ["xz", "-dc"],
}


def lines(count=40_000):
    dice = random.Random(3)
    return b"".join(b"%d;courriel%d@example.org;%d\r\n" % (n, n, dice.randint(0, 999)) for n in range(count))


def in_blocks(content, size=100_000):
    return iter([content[start : start + size] for start in range(0, len(content), size)])


def packed(kind, content, size=100_000, **options):
    return b"".join(kind(read(kind.OPTIONS, options)).pack(in_blocks(content, size)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [7, 100_000, 10_000_000])
def test_what_was_packed_comes_out_again(kind, size):
    content = lines()
    assert b"".join(kind({}).unpack(in_blocks(packed(kind, content), size))) == content


@pytest.mark.parametrize("kind", KINDS)
def test_unpacking_stays_in_bounded_blocks_and_stops_when_nobody_wants_more(kind):
    closed = []

    def source():
        try:
            yield from in_blocks(packed(kind, bytes(50_000_000)), 1000)
        finally:
            closed.append(True)

    blocks = kind({}).unpack(source())
    assert 0 < len(next(blocks)) <= 1 << 20
    blocks.close()
    assert closed == [True]


def test_python_reads_the_gzip_file():
    content = lines()
    assert gzip.decompress(packed(GzipCompression, content)) == content


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_every_gzip_level_is_smaller_and_complete(level):
    content = lines()
    small = packed(GzipCompression, content, level=level)
    assert len(small) < len(content) * 0.6
    assert gzip.decompress(small) == content


def test_the_gzip_header_holds_no_time_and_no_name():
    assert packed(GzipCompression, b"x")[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def test_a_gzip_file_is_one_member_whose_checksum_covers_everything():
    content = lines()
    small = packed(GzipCompression, content)
    reader = zlib.decompressobj(31)
    assert reader.decompress(small) == content
    assert reader.eof
    assert reader.unused_data == b""


def test_zstandard_reads_the_zstd_file_in_a_stream():
    content = lines()
    reader = zstandard.ZstdDecompressor().decompressobj()
    assert reader.decompress(packed(ZstdCompression, content)) == content


def test_the_zstd_file_carries_a_checksum_and_damage_is_noticed():
    small = bytearray(packed(ZstdCompression, lines()))
    assert zstandard.get_frame_parameters(bytes(small)).has_checksum
    small[-1] ^= 1
    with pytest.raises(zstandard.ZstdError):
        zstandard.ZstdDecompressor().decompressobj().decompress(bytes(small))


@pytest.mark.parametrize("kind", PROGRAMS)
def test_the_program_of_that_name_reads_the_file(kind):
    command = PROGRAMS[kind]
    needed(command[0])
    content = lines()
    assert subprocess.run(command, input=packed(kind, content), capture_output=True, check=True).stdout == content


@pytest.mark.parametrize("command", [["unzip", "-p"], ["7z", "e", "-so"]], ids=lambda command: command[0])
def test_unzip_and_7z_read_the_zip_file_and_its_name(tmp_path, command):
    needed(command[0])
    content = lines()
    archive = tmp_path / "a.zip"
    archive.write_bytes(packed(ZipCompression, content, inner_name="désabonnés 2026.csv"))
    assert subprocess.run([*command, archive], capture_output=True, check=True).stdout == content
    with zipfile.ZipFile(archive) as opened:
        (entry,) = opened.infolist()
        assert (entry.filename, entry.date_time, entry.file_size) == (
            "désabonnés 2026.csv",
            (1980, 1, 1, 0, 0, 0),
            len(content),
        )
        assert opened.testzip() is None


def test_a_zip_file_tells_sizes_over_four_gibibytes(tmp_path, monkeypatch):
    """The fields for large files, at a size a test can afford: the limit is lowered."""
    content = lines()
    monkeypatch.setattr(zip_file, "_MOST", 1000)
    (tmp_path / "a.zip").write_bytes(packed(ZipCompression, content))
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        assert opened.read("export") == content
    needed("unzip")
    assert subprocess.run(["unzip", "-p", tmp_path / "a.zip"], capture_output=True, check=True).stdout == content


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_file_becomes_a_valid_empty_archive(kind):
    small = packed(kind, b"")
    assert small
    assert b"".join(kind({}).unpack(iter([small]))) == b""


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_content_gives_the_same_bytes(kind):
    assert packed(kind, lines()) == packed(kind, lines())


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_leave_before_the_last_one_came(kind):
    dice = random.Random(5)
    given = []

    def upstream():
        for number in range(40):
            given.append(number)
            yield dice.randbytes(1 << 20)

    blocks = kind(read(kind.OPTIONS, {})).pack(upstream())
    next(blocks)
    assert len(given) < 10
    blocks.close()


@pytest.mark.parametrize("kind", KINDS)
def test_closing_and_errors_reach_the_upstream(kind):
    closed = []

    def upstream():
        try:
            while True:
                yield random.randbytes(1 << 20)
        finally:
            closed.append(True)

    blocks = kind(read(kind.OPTIONS, {})).pack(upstream())
    next(blocks)
    next(blocks)
    blocks.close()
    assert closed == [True]


@pytest.mark.parametrize(("kind", "level"), [(GzipCompression, 4), (ZstdCompression, 0), (ZstdCompression, 20)])
def test_a_level_that_does_not_exist_is_refused(kind, level):
    with pytest.raises(DefinitionError) as refused:
        read(kind.OPTIONS, {"level": level})
    assert refused.value.code == "definition.out_of_bounds"
