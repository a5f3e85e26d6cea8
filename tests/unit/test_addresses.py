"""Which addresses are dialled: what an administrator excepts, and nothing beside it."""

import pytest

from paquebot.addresses import allow, is_refused
from paquebot.errors import StoreError
from paquebot.records.home import Home


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    allow(())


def excepted(tmp_path, written):
    allow(Home.from_environment({"PAQUEBOT_HOME": str(tmp_path), "PAQUEBOT_ALLOWED_ADDRESSES": written}).allowed_addresses)


@pytest.mark.parametrize("address", ["169.254.10.5", "169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.10.5"])
def test_link_local_addresses_are_refused_as_long_as_nobody_excepts_them(tmp_path, address):
    excepted(tmp_path, "")
    assert is_refused(address)


def test_an_administrator_excepts_an_address_and_a_network_and_nothing_more(tmp_path):
    excepted(tmp_path, "169.254.10.5, fe80::/64")
    refused = [
        is_refused(address) for address in ("169.254.10.5", "::ffff:169.254.10.5", "fe80::1", "169.254.10.6", "fe80:1::1")
    ]
    assert refused == [False, False, False, True, True]
    assert is_refused("169.254.169.254")


def test_what_is_no_address_is_refused_before_anything_is_opened(tmp_path):
    with pytest.raises(StoreError) as refused:
        excepted(tmp_path, "169.254.10.5,everything")
    assert (refused.value.code, refused.value.parameters["value"]) == ("store.bad_addresses", "everything")
