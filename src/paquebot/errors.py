"""Every error Paquebot raises on purpose.

The class says *where* it happened, the problem's `code` says *what* (stable: screens, API and tests use it),
`retryable` says whether time may heal it, `hint` says what to do next::

    PaquebotError
    ├── CommandError         the command, the definition or the request was wrong
    ├── StoreError           the application's own database, keys or folders
    ├── SourceError          rows could not come in
    ├── ContentError         rows may not leave as they are
    ├── FormatError          rows could not become a file
    ├── PackagingError       the file could not become a parcel
    ├── DeliveryError        the parcel could not leave
    │   └── UncertainError   nobody knows whether it left; it must not be repeated until a person has asked
    ├── VerificationError    what arrived is not what left
    ├── ReportingError       somebody could not be told
    ├── FencedError          a newer attempt owns the run; this one must stop without a word
    └── RunCancelledError    somebody cancelled the run

Each room declares its problems as module constants beside the code that raises them. Messages and hints are English
templates (`str.format` fields) and at the same time the keys of the translation catalogue. Parameters never carry a
secret or a personal value: they are stored in history and shown to people.

A hint's sentence around `{nearest}` or `{known}` is left out where there is nothing near, or nothing known. An error may say
where it was met, as its parameter `where`: a message that has no place for it is told after it. A number says its noun in
the form the language counts with: `{rows:row|rows}`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from paquebot.language import language_of, translatable


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that can go wrong: a stable code, what happened, what to do, and whether time heals it."""

    code: str
    message: str
    hint: str
    retryable: bool = False


INTERNAL = Problem(
    "internal",
    "Something unexpected happened inside Paquebot: {kind}.",
    "This is a defect of Paquebot. The log of the run has the details; please report it.",
)
FENCED = Problem("run.fenced", "A newer attempt of this run has taken over.", "Nothing to do: the newer attempt goes on.")
CANCELLED = Problem("run.cancelled", "The run was cancelled.", "Start it again when you want the file to leave.")

TRANSLATED_PARAMETERS = frozenset({"explanation", "expected_kind", "found_kind"})
"""Parameters whose values are themselves texts of the catalogue, such as the explanation of an option."""

WHERE = "where"
LOCATED = translatable("{where}: {what}")
"""How a message that has no place for its place comes after it."""

_SUGGESTION = re.compile(r"[^.?!]*\{(nearest|known)\}[^.?!]*[.?!]\s*")


class PaquebotError(Exception):
    """A known problem with the values that make it concrete.

    `parameters` fill the templates of `problem`; they are shown and stored, so they hold no secret and no personal value.
    """

    def __init__(self, problem: Problem, /, **parameters: Any) -> None:
        self.problem = problem
        self.parameters = {name: _plain(value) for name, value in parameters.items()}
        super().__init__(problem, self.parameters)

    @property
    def code(self) -> str:
        return self.problem.code

    @property
    def retryable(self) -> bool:
        return self.problem.retryable

    @property
    def message(self) -> str:
        return render(describe(self), str)["message"]

    @property
    def hint(self) -> str:
        return render(describe(self), str)["hint"]

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def __reduce__(self) -> tuple[Callable[..., PaquebotError], tuple[Any, ...]]:
        return _rebuild, (type(self), self.problem, self.parameters)


class CommandError(PaquebotError):
    """The command, the definition or the request was wrong."""


class StoreError(PaquebotError):
    """The application's own database, keys or folders."""


class SourceError(PaquebotError):
    """Rows could not come in."""


class ContentError(PaquebotError):
    """Rows may not leave as they are."""


class FormatError(PaquebotError):
    """Rows could not become a file."""


class PackagingError(PaquebotError):
    """The file could not become a parcel."""


class DeliveryError(PaquebotError):
    """The parcel could not leave."""


class UncertainError(DeliveryError):
    """Nobody here knows whether the parcel left: it must not be sent again until a person has asked whom it was for."""


class VerificationError(PaquebotError):
    """What arrived is not what left."""


class ReportingError(PaquebotError):
    """Somebody could not be told."""


class FencedError(PaquebotError):
    """A newer attempt owns the run; this one must stop without writing or publishing anything."""

    def __init__(self) -> None:
        super().__init__(FENCED)

    def __reduce__(self) -> tuple[Callable[..., PaquebotError], tuple[Any, ...]]:
        return type(self), ()


class RunCancelledError(PaquebotError):
    """Somebody cancelled the run."""

    def __init__(self) -> None:
        super().__init__(CANCELLED)

    def __reduce__(self) -> tuple[Callable[..., PaquebotError], tuple[Any, ...]]:
        return type(self), ()


def describe(error: BaseException) -> dict[str, Any]:
    """What history keeps of an error: the untranslated templates and their values, never a traceback or a foreign message.

    A driver's own message may quote data or secrets, so an unknown exception is named by its class alone.
    """
    if isinstance(error, PaquebotError):
        problem, parameters = error.problem, error.parameters
    else:
        problem, parameters = INTERNAL, {"kind": type(error).__name__}
    return {
        "code": problem.code,
        "message": problem.message,
        "hint": problem.hint,
        "retryable": problem.retryable,
        "parameters": parameters,
    }


def render(description: Mapping[str, Any], translate: Callable[[str], str]) -> dict[str, str]:
    """The person's view of what `describe` kept: code, message and hint in the language of `translate`."""
    is_french = language_of(translate) == "fr"
    values = {name: _translated(name, value, translate) for name, value in description["parameters"].items()}
    values = {name: _Count(value, is_french) if type(value) is int else value for name, value in values.items()}
    message = translate(description["message"]).format(**values)
    if values.get(WHERE) and f"{{{WHERE}}}" not in description["message"]:
        message = translate(LOCATED).format(where=values[WHERE], what=message)
    hint = _SUGGESTION.sub(lambda found: found[0] if values.get(found[1]) else "", translate(description["hint"]))
    return {"code": description["code"], "message": message, "hint": hint.format(**values).rstrip()}


class _Count(int):
    """A number that can say its noun: `{rows:row|rows}` gives `1 row`, and in French `0 ligne` too."""

    def __new__(cls, value: int, is_french: bool) -> _Count:
        made = super().__new__(cls, value)
        made.is_singular = abs(value) < 2 if is_french else abs(value) == 1
        made.space = "\u00a0" if is_french else " "
        return made

    is_singular: bool
    space: str

    def __format__(self, form: str) -> str:
        one, bar, many = form.partition("|")
        return f"{int(self)}{self.space}{one if self.is_singular else many}" if bar else format(int(self), form)


def _translated(name: str, value: Any, translate: Callable[[str], str]) -> Any:
    return translate(value) if name in TRANSLATED_PARAMETERS and value else value


def _plain(value: Any) -> Any:
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(str(item) for item in value)
    return str(value)


def _rebuild(kind: type[PaquebotError], problem: Problem, parameters: dict[str, Any]) -> PaquebotError:
    return kind(problem, **parameters)
