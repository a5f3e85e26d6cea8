"""OpenPGP against the real gpg: what was encrypted is decrypted, and an unusable key is refused before a byte moves."""

import contextlib
import itertools
import os
import random
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from paquebot.errors import PackagingError, RunCancelledError
from paquebot.options import DefinitionError, read
from paquebot.packaging.encryption.openpgp import OpenPgpEncryption
from paquebot.packaging.encryption.openpgp_keys import read_key

MIB = 1 << 20


@dataclass(frozen=True)
class Keyring:
    """A partner's home with throw-away keys."""

    home: Path

    def gpg(self, *arguments, **options):
        command = ["gpg", "--homedir", self.home, "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback"]
        return subprocess.run([*command, *arguments], check=True, capture_output=True, **options).stdout

    def create(self, name, *parameters, clock=()):
        lines = ["%no-protection", *parameters, f"Name-Real: {name}", f"Name-Email: {name}@example.org", "%commit", ""]
        self.gpg(*clock, "--generate-key", input="\n".join(lines).encode())

    def public(self, name):
        return self.gpg("--armor", "--export", f"{name}@example.org").decode()

    def fingerprint(self, name):
        listed = self.gpg("--with-colons", "--list-keys", f"{name}@example.org").decode().splitlines()
        return next(line.split(":")[9] for line in listed if line.startswith("fpr:"))

    def decrypt(self, content):
        return self.gpg("--decrypt", input=content)


RSA = ("Key-Type: RSA", "Key-Length: 2048", "Subkey-Type: RSA", "Subkey-Length: 2048")
RSA_4096 = ("Key-Type: RSA", "Key-Length: 4096", "Subkey-Type: RSA", "Subkey-Length: 4096")
ELGAMAL = ("Key-Type: DSA", "Key-Length: 2048", "Subkey-Type: ELG-E", "Subkey-Length: 2048")
CURVE = ("Key-Type: EDDSA", "Key-Curve: ed25519", "Subkey-Type: ECDH", "Subkey-Curve: cv25519")
SIGNING = ("Key-Type: EDDSA", "Key-Curve: ed25519", "Key-Usage: sign")
IN_2020 = ("--faked-system-time", "20200101T120000")


@pytest.fixture(scope="module")
def keyring():
    home = Path(tempfile.mkdtemp(prefix="keys-"))  # short: an agent's socket lives in it
    ring = Keyring(home)
    try:
        ring.create("rsa", *RSA, "Expire-Date: 0")
        ring.create("rsa4096", *RSA_4096, "Expire-Date: 0")
        ring.create("elgamal", *ELGAMAL, "Expire-Date: 0")
        ring.create("courbe", *CURVE, "Expire-Date: 20991231T120000")
        ring.create("signe", *SIGNING, "Expire-Date: 0")
        ring.create("vieux", *CURVE, "Expire-Date: 20200301T120000", clock=IN_2020)
        ring.create("revoque", *CURVE, "Expire-Date: 0")
        _revoke(ring, "revoque")
        yield ring
    finally:
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def _revoke(ring, name):
    prepared = ring.home / "openpgp-revocs.d" / f"{ring.fingerprint(name)}.rev"
    ring.gpg("--import", input=prepared.read_text().replace(":-----BEGIN", "-----BEGIN").encode())


@pytest.fixture
def scratch(tmp_path):
    """Where the throw-away homes are made: afterwards it must be empty, and nobody may run in it."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []
    assert programs_in(folder) == []
    assert [thread for thread in threading.enumerate() if thread.name == "paquebot-gpg"] == []


def programs_in(folder):
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder).encode() in entry.read_bytes():
                found.append(entry)
    return found


def encryption(scratch, *keys):
    return OpenPgpEncryption({**read(OpenPgpEncryption.OPTIONS, {"keys": list(keys)}), "scratch": str(scratch)})


def encrypted(scratch, content, *keys, size=MIB):
    blocks = (content[start : start + size] for start in range(0, len(content), size))
    return b"".join(encryption(scratch, *keys).encrypt(blocks))


@pytest.mark.parametrize("name", ["rsa", "rsa4096", "elgamal", "courbe"])
@pytest.mark.parametrize("size", [0, 1, 5 * MIB + 321])
def test_the_partner_decrypts_what_was_encrypted(keyring, scratch, name, size):
    content = random.Random(size).randbytes(size)
    closed = encrypted(scratch, content, keyring.public(name))
    assert keyring.decrypt(closed) == content
    assert size < 100 or content[:100] not in closed


def test_blocks_of_every_size_pass(keyring, scratch):
    content = random.Random(1).randbytes(200_000)
    assert keyring.decrypt(encrypted(scratch, content, keyring.public("courbe"), size=777)) == content


def test_each_of_several_partners_can_open_the_file(keyring, scratch):
    closed = encrypted(scratch, b"bonjour", keyring.public("rsa"), keyring.public("courbe"))
    packets = keyring.gpg("--list-packets", "--list-only", input=closed).decode()
    assert packets.count(":pubkey enc packet:") == 2


def test_nothing_is_compressed_and_the_integrity_is_protected(keyring, scratch):
    closed = encrypted(scratch, b"a" * MIB, keyring.public("courbe"))
    assert len(closed) > MIB
    status = keyring.gpg("--status-fd", "1", "--output", os.devnull, "--yes", "--decrypt", input=closed).decode()
    assert "[GNUPG:] GOODMDC" in status
    assert "[GNUPG:] DECRYPTION_INFO 2 9" in status  # with integrity protection, AES-256


def test_an_armoured_file_is_text_and_the_partner_decrypts_it(keyring, scratch):
    armoured = OpenPgpEncryption({"keys": [keyring.public("courbe")], "armour": True, "scratch": str(scratch)})
    closed = b"".join(armoured.encrypt(iter([b"a" * MIB, b"bonjour"])))
    assert closed.startswith(b"-----BEGIN PGP MESSAGE-----\n")
    assert closed.isascii()
    assert keyring.decrypt(closed) == b"a" * MIB + b"bonjour"
    assert (armoured.extension, encryption(scratch, keyring.public("courbe")).extension) == (".asc", ".gpg")


def test_the_same_content_is_never_the_same_file(keyring, scratch):
    key = keyring.public("courbe")
    assert encrypted(scratch, b"same", key) != encrypted(scratch, b"same", key)


def test_the_fingerprints_are_those_of_the_keys(keyring, scratch):
    stage = encryption(scratch, keyring.public("rsa"), keyring.public("courbe"))
    stage.check()
    assert stage.fingerprints == (keyring.fingerprint("rsa"), keyring.fingerprint("courbe"))


def test_what_is_known_of_a_key_is_not_whose_it_is(keyring, scratch):
    facts = read_key(keyring.public("courbe"), str(scratch))
    assert (facts.fingerprint, facts.expires_on, facts.can_encrypt) == (keyring.fingerprint("courbe"), date(2099, 12, 31), True)
    assert "example.org" not in repr(facts)
    assert read_key(keyring.public("rsa"), str(scratch)).expires_on is None


@pytest.mark.parametrize(
    ("name", "expires_on", "words"),
    [("vieux", "2020-03-01", "expired on 2020-03-01"), ("signe", "–", "no part that can encrypt"), ("revoque", "–", "revoked")],
)
def test_a_key_nothing_can_be_encrypted_to_is_refused(keyring, scratch, name, expires_on, words):
    with pytest.raises(PackagingError) as refused:
        encryption(scratch, keyring.public("rsa"), keyring.public(name)).check()
    assert refused.value.code == "packaging.key_unusable"
    assert refused.value.parameters == {"fingerprint": keyring.fingerprint(name), "expires_on": expires_on}
    assert words in refused.value.message


def test_the_facts_of_an_unusable_key_can_be_read_all_the_same(keyring, scratch):
    facts = read_key(keyring.public("vieux"), str(scratch))
    assert (facts.can_encrypt, facts.expires_on) == (False, date(2020, 3, 1))


@pytest.mark.parametrize("inside", ["", "AAAA", "bonjour"])
def test_what_is_not_a_key_is_refused(scratch, inside):
    armoured = f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{inside}\n-----END PGP PUBLIC KEY BLOCK-----\n"
    for text in (inside, armoured):
        with pytest.raises(PackagingError) as refused:
            read_key(text, str(scratch))
        assert refused.value.code == "packaging.not_a_key"


def test_two_keys_in_one_text_are_refused(keyring, scratch):
    both = keyring.gpg("--armor", "--export", "rsa@example.org", "courbe@example.org").decode()
    with pytest.raises(PackagingError) as refused:
        read_key(both, str(scratch))
    assert refused.value.code == "packaging.not_a_key"


def test_a_secret_key_is_refused_however_it_is_labelled(keyring, scratch):
    secret = keyring.gpg("--armor", "--export-secret-keys", "courbe@example.org").decode()
    for text in (secret, secret.replace("PRIVATE KEY", "PUBLIC KEY")):
        with pytest.raises(PackagingError) as refused:
            encryption(scratch, text).check()
        assert refused.value.code == "packaging.secret_key_given"
        assert refused.value.parameters == {}


def test_no_key_at_all_is_refused_by_the_definition(scratch):
    for written in ({}, {"keys": []}):
        with pytest.raises(DefinitionError):
            read(OpenPgpEncryption.OPTIONS, written)


def test_a_machine_without_gpg_is_said(keyring, scratch, monkeypatch):
    stage = encryption(scratch, keyring.public("courbe"))
    monkeypatch.setenv("PATH", str(scratch))
    for act in (stage.check, lambda: list(stage.encrypt(iter([b"x"])))):
        with pytest.raises(PackagingError) as refused:
            act()
        assert refused.value.code == "packaging.gpg_missing"
        assert "gnupg" in refused.value.hint


def test_gpg_refusing_is_told_by_its_code_and_not_by_its_words(keyring, scratch):
    blocks = encryption(scratch, keyring.public("vieux")).encrypt(iter([b"x" * MIB] * 5))
    with pytest.raises(PackagingError) as refused:
        list(blocks)
    assert refused.value.code == "packaging.gpg_failed"
    assert refused.value.parameters["status"].startswith("INV_RECP")
    assert "example.org" not in str(refused.value.parameters)


@pytest.mark.parametrize("error", [RunCancelledError(), OSError("the source's own"), KeyboardInterrupt()])
@pytest.mark.parametrize("after", [0, 1, 12])
def test_what_the_upstream_raises_comes_out_as_itself_and_the_file_stays_cut(keyring, scratch, error, after):
    def blocks():
        yield from [b"x" * MIB] * after
        raise error

    received = []
    with pytest.raises(type(error)) as seen:
        received.extend(encryption(scratch, keyring.public("courbe")).encrypt(blocks()))
    assert seen.value is error
    with pytest.raises(subprocess.CalledProcessError):  # nobody can take what came out for a whole file
        keyring.decrypt(b"".join(received))


def test_closing_early_ends_gpg_and_closes_the_upstream(keyring, scratch):
    closed = threading.Event()

    def endless():
        try:
            yield from itertools.repeat(b"x" * MIB)
        finally:
            closed.set()

    blocks = encryption(scratch, keyring.public("courbe")).encrypt(endless())
    next(blocks)
    assert programs_in(scratch)
    blocks.close()
    assert closed.is_set()


def test_secrets_of_the_environment_do_not_reach_gpg(keyring, scratch, monkeypatch):
    monkeypatch.setenv("PAQUEBOT_SECRET_KEY", "planted")
    blocks = encryption(scratch, keyring.public("courbe")).encrypt(itertools.repeat(b"x" * MIB))
    next(blocks)
    [program] = programs_in(scratch)
    assert b"planted" not in (program.parent / "environ").read_bytes()
    blocks.close()
