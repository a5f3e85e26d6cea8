"""Signatures, age, rehearsals, and partners whose keys were made by other software than ours."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from fixtures.serving import missing
from paquebot.credentials import Secret
from paquebot.errors import PackagingError
from paquebot.packaging.encryption.age import AgeEncryption, describe_recipient, read_recipient
from paquebot.packaging.encryption.openpgp import OpenPgpEncryption
from paquebot.packaging.encryption.openpgp_keys import describe_key
from paquebot.packaging.encryption.rehearsal import SAMPLE_BYTES, rehearse
from paquebot.packaging.encryption.signing import generate, take_in

CONTENT = b"code,email\r\n46005,info@abercorn.ca\r\n" * 90_000
"""Some megabytes."""


@pytest.fixture(scope="module")
def home():
    """A partner's home for gpg; short, because an agent's socket lives in it."""
    folder = Path(tempfile.mkdtemp(prefix="keys-"))
    yield folder
    subprocess.run(["gpgconf", "--homedir", folder, "--kill", "all"], check=False)
    shutil.rmtree(folder, ignore_errors=True)


def gpg(home, *arguments, given=b""):
    command = ["gpg", "--homedir", home, "--batch", "--no-tty", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""]
    return subprocess.run([*command, *arguments], check=True, capture_output=True, input=given)


def made(home, name, *lines):
    asked = ["%no-protection", *lines, f"Name-Email: {name}@example.org", "Expire-Date: 0", "%commit", ""]
    gpg(home, "--generate-key", given="\n".join(asked).encode())
    return gpg(home, "--armor", "--export", f"{name}@example.org").stdout.decode()


@pytest.fixture(scope="module")
def own():
    """A signing key of ours."""
    return generate("Ville <exports@example.org>", None)


def closed(*keys, **more):
    blocks = (CONTENT[start : start + 777_777] for start in range(0, len(CONTENT), 777_777))
    return b"".join(OpenPgpEncryption({"keys": list(keys), **more}).encrypt(blocks))


# ── keys from other software ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "lines", "algorithm"),
    [
        ("rsa2048", ("Key-Type: RSA", "Key-Length: 2048", "Subkey-Type: RSA", "Subkey-Length: 2048"), "RSA 2048"),
        ("elgamal", ("Key-Type: DSA", "Key-Length: 2048", "Subkey-Type: ELG-E", "Subkey-Length: 2048"), "ElGamal 2048"),
        ("cv25519", ("Key-Type: EDDSA", "Key-Curve: ed25519", "Subkey-Type: ECDH", "Subkey-Curve: cv25519"), "ECDH (cv25519)"),
    ],
)
def test_a_partner_with_gnupg_opens_the_file_whatever_the_algorithm_and_the_page_names_it(home, name, lines, algorithm):
    public = made(home, name, *lines)
    assert gpg(home, "--decrypt", given=closed(public)).stdout == CONTENT
    parts = describe_key(public).parts
    assert [part.algorithm for part in parts if part.can_encrypt][-1] == algorithm


@pytest.mark.parametrize(("suite", "algorithm"), [("rsa3k", "RSA 3072"), ("rsa4k", "RSA 4096"), ("cv25519", "ECDH (cv25519)")])
def test_a_partner_with_sequoia_opens_what_was_closed_for_a_key_sequoia_made(tmp_path, suite, algorithm):
    if shutil.which("sq") is None:
        missing("there is no sq (Debian package sq)")
    private, sealed = tmp_path / "private.pgp", tmp_path / "file.gpg"
    sq("key", "generate", "--userid", "Other <o@example.net>", "--cipher-suite", suite, "--export", private)
    public = sq("key", "extract-cert", private).decode()
    details = describe_key(public)
    assert details.user_ids == ("Other <o@example.net>",)
    assert algorithm in [part.algorithm for part in details.parts if part.can_encrypt]
    sealed.write_bytes(closed(public))
    assert sq("decrypt", "--recipient-key", private, sealed) == CONTENT


def sq(*arguments):
    return subprocess.run(["sq", *arguments], check=True, capture_output=True).stdout


def test_a_key_says_what_each_of_its_parts_can_do_and_until_when(home):
    lines = ("Key-Type: EDDSA", "Key-Curve: ed25519", "Key-Usage: sign", "Subkey-Type: ECDH", "Subkey-Curve: cv25519")
    primary, sub = describe_key(made(home, "parts", *lines)).parts
    assert (primary.algorithm, primary.can_sign, primary.can_encrypt) == ("EdDSA (ed25519)", True, False)
    assert (sub.algorithm, sub.can_sign, sub.can_encrypt, sub.expires_on) == ("ECDH (cv25519)", False, True, None)
    assert primary.fingerprint != sub.fingerprint


# ── signatures ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_signed_file_is_opened_and_its_signature_checked_by_the_partner(home, own, tmp_path):
    public = made(home, "checks", "Key-Type: RSA", "Key-Length: 2048", "Key-Usage: encrypt")
    gpg(home, "--import", given=own.public_text.encode())
    opened = gpg(home, "--status-fd", "2", "--decrypt", given=closed(public, signing=own, scratch=str(tmp_path)))
    assert opened.stdout == CONTENT
    assert f"VALIDSIG {own.fingerprint}" in opened.stderr.decode()
    assert "GOODSIG" in opened.stderr.decode()
    assert list(tmp_path.iterdir()) == []


def test_a_key_made_elsewhere_is_taken_in_with_its_passphrase_and_closed_with_ours_when_it_has_none(home, own):
    again = take_in(own.private_text.reveal(), own.passphrase, None)
    assert (again.fingerprint, again.passphrase) == (own.fingerprint, own.passphrase)
    made(home, "open", "Key-Type: EDDSA", "Key-Curve: ed25519", "Key-Usage: sign")
    plain = gpg(home, "--armor", "--export-secret-keys", "open@example.org").stdout.decode()
    taken = take_in(plain, None, None)
    assert len(taken.passphrase.reveal()) > 40
    assert taken.private_text.reveal() != plain
    with pytest.raises(PackagingError) as refused:
        take_in(taken.private_text.reveal(), Secret(""), None)
    assert refused.value.code == "packaging.wrong_passphrase"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("private", "packaging.wrong_passphrase"),
        ("public", "packaging.not_a_private_key"),
        ("x", "packaging.not_a_private_key"),
    ],
)
def test_what_cannot_sign_for_us_is_refused(own, given, code):
    text = {"private": own.private_text.reveal(), "public": own.public_text}.get(given, given)
    with pytest.raises(PackagingError) as refused:
        take_in(text, Secret("another"), None)
    assert refused.value.code == code


def test_a_key_that_cannot_sign_is_refused(home):
    made(home, "mute", "Key-Type: RSA", "Key-Length: 2048", "Key-Usage: encrypt")
    private = gpg(home, "--armor", "--export-secret-keys", "mute@example.org").stdout.decode()
    with pytest.raises(PackagingError) as refused:
        take_in(private, None, None)
    assert refused.value.code == "packaging.cannot_sign"


def test_nothing_of_a_signing_key_shows_in_its_representation(own):
    assert own.passphrase.reveal() not in repr(own)
    assert "PRIVATE" not in repr(own)


def test_a_home_with_a_long_path_signs_too(home, own, tmp_path):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    public = made(home, "deep", "Key-Type: RSA", "Key-Length: 2048", "Key-Usage: encrypt")
    assert gpg(home, "--decrypt", given=closed(public, signing=own, scratch=str(deep))).stdout == CONTENT
    assert list(deep.iterdir()) == []


# ── age ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def program(name):
    if shutil.which(name) is None:
        missing(f"there is no {name} (Debian package {'age' if name.startswith('age') else 'openssh-client'})")
    return name


@pytest.fixture(params=["x25519", "ssh-ed25519"])
def identity(request, tmp_path):
    """A partner's identity file, and the recipient they give away."""
    file = tmp_path / "identity"
    if request.param == "x25519":
        subprocess.run([program("age-keygen"), "-o", file], check=True, capture_output=True)
        return file, subprocess.run(["age-keygen", "-y", file], check=True, capture_output=True, text=True).stdout
    subprocess.run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", "ops@example.net", "-f", file], check=True)
    return file, file.with_suffix(".pub").read_text()


@pytest.mark.parametrize("armour", [False, True])
def test_the_program_age_opens_the_file(identity, armour):
    file, recipient = identity
    blocks = iter([CONTENT[:1], CONTENT[1:900_000], CONTENT[900_000:]])
    sealed = b"".join(AgeEncryption({"keys": [recipient], "armour": armour}).encrypt(blocks))
    assert sealed.startswith(b"-----BEGIN AGE" if armour else b"age-encryption.org/v1")
    opened = subprocess.run([program("age"), "--decrypt", "-i", file], input=sealed, check=True, capture_output=True)
    assert opened.stdout == CONTENT


def test_an_ssh_recipient_has_the_fingerprint_ssh_shows(identity):
    file, recipient = identity
    found = read_recipient(f"# ours\n\n{recipient}")
    if recipient.startswith("age1"):
        assert found.fingerprint == recipient.strip()
        return
    shown = subprocess.run(["ssh-keygen", "-l", "-f", f"{file}.pub"], check=True, capture_output=True, text=True).stdout
    assert found.fingerprint == shown.split()[1]
    assert describe_recipient(recipient).user_ids == ("ops@example.net",)


@pytest.mark.parametrize("text", ["", "age1notone", "ssh-ed25519 AAAA", "age1x\nage1y", "-----BEGIN PGP PUBLIC KEY BLOCK-----"])
def test_what_is_no_age_recipient_is_refused(text):
    with pytest.raises(PackagingError) as refused:
        read_recipient(text)
    assert refused.value.code == "packaging.not_a_recipient"


def test_an_identity_pasted_by_mistake_is_refused_and_said_to_be_secret(identity):
    with pytest.raises(PackagingError) as refused:
        read_recipient(identity[0].read_text())
    assert refused.value.code == "packaging.secret_key_given"


def test_an_error_of_the_rows_stops_age_and_comes_out_as_itself(identity):
    def breaking():
        yield CONTENT
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        list(AgeEncryption({"keys": [identity[1]]}).encrypt(breaking()))


def test_whoever_leaves_early_stops_age(identity):
    asked = []

    def counted():
        for number in range(10_000):
            asked.append(number)
            yield bytes(1 << 20)

    blocks = AgeEncryption({"keys": [identity[1]]}).encrypt(counted())
    next(blocks)
    blocks.close()
    assert len(asked) < 20


# ── rehearsals ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rehearsal_opens_with_a_pair_of_its_own_what_was_closed_for_the_partner_too(home, identity, tmp_path):
    public = made(
        home, f"rehearsed-{tmp_path.name[-1]}-{identity[1][:3]}", "Key-Type: RSA", "Key-Length: 2048", "Key-Usage: encrypt"
    )
    done = rehearse("openpgp", public, str(tmp_path))
    assert (done.fingerprint, done.sample_bytes) == (describe_key(public).facts.fingerprint, SAMPLE_BYTES)
    assert done.encrypted_bytes > SAMPLE_BYTES
    assert rehearse("age", identity[1]).sample_bytes == SAMPLE_BYTES
    assert [path for path in tmp_path.iterdir() if path.name.startswith("gpg-")] == []


def test_a_rehearsal_of_a_key_that_cannot_encrypt_is_refused(own):
    with pytest.raises(PackagingError) as refused:
        rehearse("openpgp", own.public_text)
    assert refused.value.code == "packaging.key_unusable"
