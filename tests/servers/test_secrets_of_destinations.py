"""No secret of any kind of destination is in what people read: planted by the option tables, so a new kind is tried too."""

from __future__ import annotations

import base64
import json
import socket

import pytest

from fixtures.bigquery import service_account_key
from paquebot.credentials import Secret
from paquebot.delivery.base import Destination
from paquebot.errors import PaquebotError, describe
from paquebot.options import Option, read
from paquebot.plugins import find, names

PLANTED = "valeur-secrete-1867"
KEY = service_account_key("http://127.0.0.1:1/token")
SHAPES = {
    "account_key": base64.b64encode(PLANTED.encode()).decode(),
    "sas": f"sv=2021-12-02&sig={PLANTED}",
    "key": KEY,
}
"""Secrets that must look like something."""
REQUIRED: dict[str, object] = {"recipients": ["somebody@example.org"], "sender": "somebody@example.org"}


def planted(option: Option) -> str:
    return SHAPES.get(option.name, PLANTED)


def needles(value: str) -> list[str]:
    """What must show nowhere: the value, or each line of a key."""
    if value != KEY:
        return [value]
    return [line for line in json.loads(value)["private_key"].splitlines() if not line.startswith("-----")]


def options_of(kind: type[Destination], port: int) -> dict[str, object]:
    """Every secret planted; what is required leads to a port where nobody listens."""
    place = {"host": "127.0.0.1", "port": port, "url": f"https://127.0.0.1:{port}", "endpoint": f"https://127.0.0.1:{port}"}
    known = {option.name: option for option in kind.OPTIONS}
    options: dict[str, object] = {name: value for name, value in place.items() if name in known}
    options |= {name: REQUIRED.get(name, "somebody") for name, option in known.items() if option.required and name not in place}
    options |= {name: planted(option) for name, option in known.items() if option.secret}
    return options


@pytest.mark.parametrize("name", names("destinations"))
def test_no_secret_is_in_an_error_its_causes_or_the_destination(name):
    kind = find("destinations", name)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        options = read(kind.OPTIONS, options_of(kind, closed.getsockname()[1]))
        destination = kind(options)
        secrets = [option.name for option in kind.OPTIONS if option.secret]
        assert all(isinstance(options[secret], Secret) for secret in secrets)
        with pytest.raises(PaquebotError) as refused, destination:
            pass
    error: BaseException | None = refused.value
    shown = f"{describe(refused.value)} {refused.value.hint} {destination!r} {destination.options!r}"
    while error is not None:
        shown += f" {error} {error!r}"
        error = error.__cause__
    values = [needle for option in kind.OPTIONS if option.secret for needle in needles(planted(option))]
    assert values
    assert [value for value in values if value in shown] == []
