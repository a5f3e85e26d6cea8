"""Partners who use RNP (the OpenPGP of Thunderbird): its keys, of every algorithm, close our files, and it opens them."""

import subprocess
from pathlib import Path

import pytest

from fixtures.programs import needed
from paquebot.packaging.encryption.openpgp import OpenPgpEncryption
from paquebot.packaging.encryption.openpgp_keys import describe_key

CONTENT = b"code,email\r\n46005,info@abercorn.ca\r\n" * 30_000
ELGAMAL = Path(__file__).parent / "keys" / "elgamal-of-rnp.pgp"
"""A private key of nobody, which RNP takes minutes to make: `printf '16\\n2048\\n' | rnpkeys --generate-key
--expert --userid 'Essai <essai@example.net>' --password '' --expiration 0`, written by `rnpkeys --export-key --secret`."""


def rnp(program, home, *arguments, given=b""):
    command = [program, "--homedir", home, "--password", "", "--notty", *arguments]
    return subprocess.run(command, check=True, capture_output=True, input=given).stdout


@pytest.fixture
def home(tmp_path):
    needed("rnp")
    folder = tmp_path / "rnp"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(params=["RSA 2048", "RSA 4096", "ECDH (cv25519)", "ElGamal 2048"])
def partner(request, home):
    """What RNP calls the key's algorithm, its public half; the private one lies in the home."""
    if request.param == "ElGamal 2048":
        rnp("rnpkeys", home, "--import", ELGAMAL)
    elif request.param.startswith("RSA"):
        rnp("rnpkeys", home, "--generate-key", "--numbits", request.param[4:], "--userid", "essai@example.net")
    else:
        rnp("rnpkeys", home, "--generate-key", "--expert", "--userid", "essai@example.net", given=b"22\n")
    return request.param, rnp("rnpkeys", home, "--export-key", "essai@example.net").decode()


@pytest.mark.parametrize("armour", [False, True], ids=["binary", "armour"])
def test_a_partner_with_rnp_opens_what_was_closed_for_a_key_rnp_made_and_the_page_names_its_algorithm(partner, home, armour):
    algorithm, public = partner
    details = describe_key(public)
    assert algorithm in [part.algorithm for part in details.parts if part.can_encrypt]
    assert "essai@example.net" in details.user_ids[0]
    blocks = (CONTENT[start : start + 777_777] for start in range(0, len(CONTENT), 777_777))
    closed = b"".join(OpenPgpEncryption({"keys": [public], "armour": armour}).encrypt(blocks))
    assert CONTENT[:30] not in closed
    (home / "file.gpg").write_bytes(closed)
    assert rnp("rnp", home, "--decrypt", home / "file.gpg", "--output", "-") == CONTENT
