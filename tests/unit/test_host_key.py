"""What pins a host key is recognised, and what could never match is refused where it is written."""

import pytest

from paquebot.delivery.host_key import fingerprint_of
from paquebot.delivery.sftp import SftpDestination
from paquebot.options import DefinitionError, read

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBzs7vj28MRPpKCheejHE4hzsgNx5XE7nq/9qC3DJ5Ww"
FINGERPRINT = "SHA256:aRuOLh4y8tfsSL+W1QZvPju+DnB+dCbNUkofxLg9EDI"


def written(host_key):
    return read(SftpDestination.OPTIONS, {"host": "quay.example", "username": "us", "host_key": host_key}, ("sftp",))


@pytest.mark.parametrize("pin", [FINGERPRINT, f"{FINGERPRINT}=", f" {FINGERPRINT}\n"])
def test_a_fingerprint_is_taken_as_it_is_shown(pin):
    assert written(pin)["host_key"] == pin


@pytest.mark.parametrize("line", [PUBLIC_KEY, f"{PUBLIC_KEY} us@office\n", f"quay.example {PUBLIC_KEY}"])
def test_a_public_key_pins_what_its_fingerprint_pins(line):
    assert written(line)["host_key"] == line
    assert fingerprint_of(line) == FINGERPRINT


@pytest.mark.parametrize(
    "pin",
    [
        "SHA256:abc",
        f"{FINGERPRINT}A",
        "MD5:43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1:0f:66:73:a8",
        PUBLIC_KEY[:-20],
        PUBLIC_KEY.replace("ssh-ed25519", "ssh-rsa"),
        "ssh-ed25519 nonsense",
        "yes",
    ],
)
def test_what_no_server_could_show_is_refused_with_what_it_should_look_like(pin):
    with pytest.raises(DefinitionError) as refused:
        written(pin)
    assert (refused.value.code, refused.value.path) == ("delivery.bad_host_key", ("sftp", "host_key"))
    assert "SHA256:" in refused.value.hint
    assert "ssh-ed25519 AAAA" in refused.value.hint
