"""The bytes of a sealed file on their way to a hidden name: from where an earlier attempt was cut off, or else anew.

A hidden name tells its run and its attempt. What an earlier attempt of the same run left under its own is the beginning of the
same file; it goes on under that name. The destination compares what it holds, and the whole is compared afterwards as ever.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from paquebot.delivery.base import Destination
from paquebot.delivery.problems import PARTIAL_DIFFERS
from paquebot.errors import DeliveryError, FencedError, PaquebotError, Problem, UncertainError
from paquebot.flow import Blocks, Remainder, closing_upstream
from paquebot.plan import Plan, join

SENDER_LOST = Problem(
    "delivery.sender_lost",
    "The process that sent “{path}” to {server} was lost before the answer came: nobody here knows whether the file was taken.",
    "Ask the partner, then say whether it arrived or is to be sent again; it is never repeated by itself.",
)


_HIDDEN = re.compile(r"\.paquebot-(?P<token>[0-9a-f]{6,16})-\d+(?:x\d+)?\.part\Z")


def require_repeatable(plan: Plan) -> None:
    """Raises `UncertainError` when an earlier attempt may have sent what must not be sent twice."""
    if plan.checkpoint.intended and not plan.destination.capabilities.repeatable:
        server = ":".join(list(plan.destination.identity.values())[:1])
        raise UncertainError(SENDER_LOST, path=plan.remote_path, server=server)


def stays(plan: Plan, error: Exception) -> bool:
    """Whether what was sent so far stays after `error`: a later attempt goes on with it, or does so already."""
    capabilities = plan.destination.capabilities
    if not (capabilities.resumes and capabilities.hidden_name) or not isinstance(error, PaquebotError):
        return False
    return isinstance(error, FencedError) or plan.goes_on(error)


def sweep_orphans(plan: Plan) -> None:
    """Removes what runs that are over left under hidden names when nobody could reach the server any more."""
    destination, folder = plan.destination, plan.hidden_folder()
    if destination.capabilities.listing:
        found = {name: match["token"] for name in destination.names(folder) if (match := _HIDDEN.match(name))}
        over = plan.ended(set(found.values()) - {plan.token})
        for name in (name for name, token in found.items() if token in over):
            destination.remove(join(folder, name))


def bring(plan: Plan, part: int, blocks: Callable[[], Blocks], size_bytes: int) -> tuple[str, dict[str, Any]]:
    """Brings the file of that number to a hidden name: which one, and what history tells of it. What other attempts left of it
    is removed."""
    earlier = _left_off(plan, part)
    told = _go_on(plan, earlier, blocks(), size_bytes) if earlier else None
    if earlier and told:
        return earlier, told
    hidden = plan.hidden_path(plan.attempt, part=part)
    return hidden, send_anew(plan, hidden, blocks(), size_bytes)


def send_anew(plan: Plan, path: str, blocks: Blocks, size_bytes: int) -> dict[str, Any]:
    """Sends all of it to `path`."""
    with closing_upstream(blocks):
        return {"size_bytes": plan.destination.send(path, blocks, size_bytes), **plan.destination.identity}


def deposit(destination: Destination, content: bytes, final: str, hidden: str) -> None:
    """A small file under its final name, in place of an earlier one."""
    if destination.capabilities.hidden_name:
        destination.send(hidden, iter([content]), len(content))
        destination.publish(hidden, final, replace=True)
    else:
        destination.remove(final)
        destination.send(final, iter([content]), len(content))


def _left_off(plan: Plan, part: int) -> str | None:
    destination = plan.destination
    earlier = [plan.hidden_path(attempt, part=part) for attempt in range(plan.attempt - 1, 0, -1)]
    found = next((path for path in earlier if destination.partial(path)), None) if destination.capabilities.resumes else None
    for path in earlier:
        if path != found:
            destination.remove(path)
    return found


def _go_on(plan: Plan, path: str, blocks: Blocks, size_bytes: int) -> dict[str, Any] | None:
    """What is missing at `path` is sent; None when what stands there was of no use, and is removed."""
    there = plan.destination.partial(path)
    with closing_upstream(blocks):
        try:
            accepted = plan.destination.resume(path, Remainder(blocks), size_bytes)
        except DeliveryError as error:
            if error.problem is not PARTIAL_DIFFERS:
                raise
            plan.destination.remove(path)
            return None
    return {"size_bytes": accepted, "resumed_at_bytes": there, **plan.destination.identity}
