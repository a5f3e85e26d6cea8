"""ZIP files closed with a password, opened by a program of other people's."""

import os
import shutil
import subprocess
import zipfile

import pytest

from paquebot.credentials import Secret
from paquebot.options import DefinitionError, read
from paquebot.packaging.compression.zip import ZipCompression
from paquebot.packaging.compression.zip_lock import ZipLock
from paquebot.packaging_keys import ZIP_PASSWORD

PASSWORD = "un mot de passe assez long"
SEVEN_ZIP = shutil.which("7z") or "7z"


def packed(blocks, password=PASSWORD):
    options = read(ZipCompression.OPTIONS, {"inner_name": "été.csv", "password": Secret(password)})
    return b"".join(ZipCompression(options).pack(iter(blocks)))


def opened(file, password):
    done = subprocess.run([SEVEN_ZIP, "x", "-so", f"-p{password}", str(file)], capture_output=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "blocks",
    [[], [b"x"], [b"1;2\r\n" * 1000], [os.urandom(70_001), b"a" * (1 << 20), os.urandom((1 << 21) + 13), b"z"]],
    ids=["nothing", "one byte", "text", "over several runs of counters"],
)
def test_seven_zip_opens_it_with_the_password_and_finds_every_byte(tmp_path, blocks):
    file = tmp_path / "a.zip"
    file.write_bytes(packed(blocks))
    assert opened(file, PASSWORD) == (0, b"".join(blocks))
    listed = subprocess.run(
        [SEVEN_ZIP, "l", "-slt", f"-p{PASSWORD}", str(file)], capture_output=True, check=True
    ).stdout.decode()
    assert "Method = AES-256 Deflate" in listed
    assert "Path = été.csv" in listed
    assert "Encrypted = +" in listed


def test_a_wrong_password_opens_nothing(tmp_path):
    file = tmp_path / "a.zip"
    file.write_bytes(packed([b"code;courriel\r\n"]))
    code, found = opened(file, PASSWORD + ".")
    assert code != 0
    assert b"courriel" not in found


def test_a_byte_that_was_changed_is_noticed(tmp_path):
    content = bytearray(packed([os.urandom(5000)]))
    content[1000] ^= 1
    file = tmp_path / "a.zip"
    file.write_bytes(content)
    assert opened(file, PASSWORD)[0] != 0


def test_nothing_of_the_content_and_no_checksum_of_it_stands_in_the_file(tmp_path):
    file = tmp_path / "a.zip"
    file.write_bytes(packed([b"personne@exemple.ca"]))
    assert b"exemple" not in file.read_bytes()
    (entry,) = zipfile.ZipFile(file).infolist()
    assert (entry.CRC, entry.compress_type, entry.file_size, entry.date_time) == (0, 99, 19, (1980, 1, 1, 0, 0, 0))


def test_two_files_of_the_same_rows_never_share_a_salt():
    first, second = packed([b"a" * 100]), packed([b"a" * 100])
    assert first != second
    assert len(first) == len(second)
    assert not ZipCompression({"password": Secret(PASSWORD)}).is_reproducible
    assert ZipCompression({"password": None}).is_reproducible


def test_the_closed_content_is_that_of_an_independent_computation():
    """AES-256 in counter mode over 16 zero bytes: the first block of the key stream, by openssl."""
    import hashlib

    keys = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), bytes(16), 1000, 66)
    command = ["openssl", "enc", "-aes-256-ecb", "-nopad", "-K", keys[:32].hex()]
    stream = subprocess.run(command, input=bytes([1, *bytes(15), 2, *bytes(15)]), capture_output=True, check=True).stdout
    head, closed, _ = ZipLock(Secret(PASSWORD), bytes).closed(iter([bytes(32)]))
    assert (head, closed) == (bytes(16) + keys[64:], stream)


@pytest.mark.parametrize("password", ["trop court", "été" * 10, "x" * 129, "avec\nune ligne de plus"])
def test_a_password_not_every_program_takes_is_refused(password):
    with pytest.raises(DefinitionError) as refused:
        read((ZIP_PASSWORD,), {"zip_password": Secret(password)})
    assert refused.value.code == "definition.bad_zip_password"
    assert password not in refused.value.message
