"""The road of an export, in its one order: the only module that knows it.

    source ─▶ content ─▶ format ─▶ compression ─▶ encryption ─▶ artifact ─▶ send ─▶ compare ─▶ publish ─▶ confirm ─▶ report

Everything before the artifact streams in one pass, each stage at the same time as its neighbours. Delivery starts when the
artifact is sealed; the artifact is the checkpoint every later attempt starts from. The final name never holds a partial file:
bytes go to a hidden name, are compared there, and get their name in one step after the intent was told and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from typing import Any, cast

from paquebot import events
from paquebot.confirmation_keys import ZERO_ROWS
from paquebot.delivery.problems import NAME_TAKEN
from paquebot.delivery.tables import TableDestination
from paquebot.errors import DeliveryError, PaquebotError, VerificationError, describe
from paquebot.events import Listener, SealedArtifact, SealedPart
from paquebot.flow import Blocks, Cancellation, Column
from paquebot.plan import Checkpoint, Outcome, Plan, join
from paquebot.producing import Production
from paquebot.sending import bring, deposit, require_repeatable, send_anew, stays, sweep_orphans
from paquebot.steps import Steps
from paquebot.verification.comparison import compare, compare_rows, strongest

_MOST_COPIES = 10_000
__all__ = ["Checkpoint", "Outcome", "Plan", "carry_out", "clean_up", "join"]

NO_FILE = "no_file"
Missing = list[tuple[int, SealedPart]]
"""What is not there yet under its final name, each file with its number."""


def carry_out(plan: Plan, listener: Listener, cancellation: Cancellation, now: Callable[[], datetime]) -> Outcome:
    """Produces (unless an earlier attempt did) and delivers, telling `listener` every step.

    Raises the `PaquebotError` of the stage that failed, after the hidden file was removed if the server could be reached.
    """
    voyage = _voyage(plan, listener, cancellation, now)
    artifact = plan.checkpoint.artifact or Production(plan, listener, cancellation, now).produce()
    if artifact.held_for and not plan.released:
        return Outcome("held", artifact, None, None, finished_at=now())
    if artifact.rows == 0 and plan.when_empty == NO_FILE:
        return voyage.send_nothing(artifact)
    if plan.destination.capabilities.fetched:
        return Outcome("delivered", artifact, None, None, finished_at=now())
    return voyage.deliver(artifact)


def clean_up(plan: Plan, listener: Listener, now: Callable[[], datetime]) -> Outcome | None:
    """After the attempts of a run that will not go on: removes what they left under hidden names.

    The outcome when one of them had published the file after all and only died before it could say so.
    """
    voyage = _voyage(plan, listener, Cancellation(), now)
    if plan.checkpoint.artifact and plan.checkpoint.intended:
        return voyage.settle(plan.checkpoint.artifact)
    voyage.sweep()
    return None


def _voyage(plan: Plan, listener: Listener, cancellation: Cancellation, now: Callable[[], datetime]) -> _Voyage:
    if isinstance(plan.destination, TableDestination):
        return _TableVoyage(plan, listener, cancellation, now)
    return _Voyage(plan, listener, cancellation, now)


class _Voyage(Steps):
    def __init__(self, plan: Plan, listener: Listener, cancellation: Cancellation, now: Callable[[], datetime]) -> None:
        super().__init__(listener, cancellation)
        self.plan = plan
        self.now = now
        self._most_parts = 1
        """As many hidden names every attempt of this run had."""
        self._exposed: Sequence[SealedPart] = ()
        """Parts of these may stand under their final names, because the server cannot rename."""
        self._there: set[str] = set()
        """Parts an earlier attempt gave their names."""
        self._copy = self._copy_before()

    # ── from the artifact on ─────────────────────────────────────────────────────────────────────────────────────────────

    def deliver(self, artifact: SealedArtifact) -> Outcome:
        plan = self.plan
        self._most_parts = len(artifact.files)
        with self._linked(events.SEND):
            level = strongest(plan.destination.capabilities, two_step=plan.two_step)
            verification = plan.checkpoint.verification or self._found(artifact, level) or self._transmit(artifact, level)
            return self._complete(artifact, verification)

    def send_nothing(self, artifact: SealedArtifact) -> Outcome:
        """No file leaves; where it was asked for, a confirmation tells that there are no rows."""
        finished_at, confirmation = self.now(), self.plan.confirmation
        if confirmation is not None and confirmation.when_no_file == ZERO_ROWS:
            with self._linked(events.CONFIRM):
                self._confirm(artifact, finished_at, None)
        return Outcome("nothing_to_export", artifact, None, None, finished_at=finished_at)

    def settle(self, artifact: SealedArtifact) -> Outcome | None:
        """Nothing more is sent: files that had their names already are confirmed, otherwise nothing is left."""
        self._most_parts = len(artifact.files)
        with ExitStack() as link:
            self._connect(link, events.SEND)
            level = strongest(self.plan.destination.capabilities, two_step=self.plan.two_step)
            verification = self._found(artifact, level)
            if verification:
                return self._complete(artifact, verification)
            for part in artifact.parts:
                self._take_back(part, level)
        self.sweep()
        return None

    def _take_back(self, part: SealedPart, level: str) -> None:
        """A part that got its name is taken away again: the others will not follow."""
        if self._holds(part, level):
            self.plan.destination.remove(self._path(part))

    def _complete(self, artifact: SealedArtifact, verification: str) -> Outcome:
        """The file is published: whatever was asked meanwhile, the run rolls forward."""
        self.cancellation = Cancellation()
        identity = dict(self.plan.destination.identity)
        finished_at = self.now()
        self._confirm(artifact, finished_at, verification)
        return Outcome("delivered", artifact, self._path(artifact.files[0]), verification, identity, finished_at)

    @contextmanager
    def _linked(self, step: str) -> Iterator[None]:
        """With the server reached, for `step`; when something goes wrong, what was left there is swept over another link."""
        with ExitStack() as link:
            self._connect(link, step)
            try:
                yield
            except Exception as error:
                link.close()
                if not stays(self.plan, error):
                    self.sweep()
                raise

    def _connect(self, link: ExitStack, step: str) -> None:
        """A server that lets nobody in fails the step the link was for. It is not asked again to sweep: nothing was sent."""
        try:
            link.enter_context(self.plan.destination)
        except PaquebotError as error:
            step = events.CONFIRM if self.plan.checkpoint.verification else step
            self.listener.tell(events.StepStarted(step))
            self.listener.tell(events.StepFailed(step, describe(error)))
            raise

    def _found(self, artifact: SealedArtifact, level: str) -> str | None:
        """An earlier attempt died around the rename: matching bytes under the final names mean that it had happened."""
        plan = self.plan
        if not plan.checkpoint.intended:
            return None
        with self._step(events.COMPARE) as detail:
            reached = [self._holds(part, level) for part in artifact.files]
            self._there = {part.file_name for part, found in zip(artifact.files, reached, strict=True) if found}
            detail["already_there"] = len(self._there) == len(reached)
        if not detail["already_there"]:
            return None
        self._sweep(range(1, plan.attempt))
        return self._published(artifact, reached[0] or level)

    def _published(self, artifact: SealedArtifact, level: str) -> str:
        paths = tuple(self._path(part) for part in artifact.files)
        self.listener.tell(events.Published(paths[0], level, paths if artifact.parts else ()))
        return level

    def _path(self, part: SealedPart) -> str:
        """The path the part has, gets, or would have got: its own, or the one in place of a taken one."""
        name = part.file_name
        if self._copy > 1 and self.plan.numbered:
            name = self.plan.numbered(name, self._copy)
        return join(self.plan.folder, name)

    def _holds(self, part: SealedPart, level: str) -> str | None:
        """The level at which the file under the final name is this one; None when it is another one, or none."""
        path = self._path(part)
        if self.plan.destination.size(path) != part.final.size_bytes:
            return None
        try:
            return compare(self.plan.destination, path, part.final, level).level
        except VerificationError:
            return None

    def _transmit(self, artifact: SealedArtifact, level: str) -> str:
        """All parts are sent and compared under hidden names before the first gets its own."""
        if not self.plan.destination.capabilities.hidden_name:
            return self._transmit_openly(artifact, level)
        plan = self.plan
        missing = [(number, part) for number, part in enumerate(artifact.files, 1) if part.file_name not in self._there]
        with self._step(events.SEND) as detail:
            sweep_orphans(plan)
            hidden = [self._brought(number, artifact, part, detail) for number, part in missing]
        try:
            reached = self._compared(missing, hidden, level)
        except VerificationError:
            if not self._resend(missing, hidden, artifact):
                raise
            reached = self._compared(missing, hidden, level)
        with self._step(events.PUBLISH) as detail:
            self.cancellation.check()
            self._give_names(artifact, missing, hidden, level)
            detail.update(remote_path=self._path(artifact.files[0]))
            return self._published(artifact, reached)

    def _brought(self, number: int, artifact: SealedArtifact, part: SealedPart, detail: dict[str, Any]) -> str:
        hidden, told = bring(self.plan, number, partial(self._blocks, artifact, part), part.final.size_bytes)
        _add(detail, told)
        return hidden

    def _compared(self, missing: Missing, hidden: Sequence[str], level: str) -> str:
        """The level that was reached; of no file, the one that was wanted."""
        with self._step(events.COMPARE) as detail:
            for (_, part), path in zip(missing, hidden, strict=True):
                compared = compare(self.plan.destination, path, part.final, level)
                _add(detail, {"level": compared.level, "size_bytes": compared.size_bytes, "sha256": compared.sha256})
        return str(detail.get("level", level))

    def _resend(self, missing: Missing, hidden: list[str], artifact: SealedArtifact) -> bool:
        """What went on where an earlier attempt was cut off, and is not the file, is sent anew; False when nothing was so."""
        own = [self.plan.hidden_path(self.plan.attempt, part=number) for number, _ in missing]
        if own == hidden:
            return False
        with self._step(events.SEND) as detail:
            for place, (_, part) in enumerate(missing):
                if hidden[place] != own[place]:
                    self.plan.destination.remove(hidden[place])
                    _add(detail, self._send(own[place], artifact, part))
        hidden[:] = own
        return True

    def _give_names(self, artifact: SealedArtifact, missing: Missing, hidden: Sequence[str], level: str) -> None:
        """All files get their names, or, where one is taken, none. What was intended is kept before the first rename."""
        plan = self.plan
        first = artifact.files[0]
        while True:
            mine = {part.file_name for _, part in missing if plan.replace or self._is_same_again(part, level)}
            if plan.numbered or artifact.parts:
                taken = [part for _, part in missing if part.file_name not in mine and self._is_taken(part)]
                if taken and plan.numbered and not self._there:
                    self._copy += 1
                    continue
                for part in taken:
                    plan.destination.require_free(self._path(part))
            self.listener.tell(events.PublishIntended(self._path(first), first.final))
            try:
                for (_, part), path in zip(missing, hidden, strict=True):
                    plan.destination.publish(path, self._path(part), replace=part.file_name in mine)
            except DeliveryError as error:
                if error.problem is not NAME_TAKEN or not plan.numbered or artifact.parts:
                    raise
                self._copy += 1
            else:
                return

    def _is_taken(self, part: SealedPart) -> bool:
        return self.plan.destination.size(self._path(part)) is not None

    def _transmit_openly(self, artifact: SealedArtifact, level: str) -> str:
        """To a server that cannot rename, as somebody declared: what begins under the final name is published already."""
        plan, reached = self.plan, level
        with self._step(events.SEND) as detail:
            require_repeatable(plan)
            self._make_room(artifact, level)
            self.listener.tell(events.PublishIntended(self._path(artifact.files[0]), artifact.files[0].final))
            self._exposed = artifact.files
            for part in artifact.files:
                _add(detail, self._send(self._path(part), artifact, part))
        with self._step(events.COMPARE) as detail:
            for part in artifact.files:
                compared = compare(plan.destination, self._path(part), part.final, level)
                _add(detail, {"level": compared.level, "size_bytes": compared.size_bytes, "sha256": compared.sha256})
                reached = compared.level
            self._published(artifact, reached)
        self._exposed = ()
        return reached

    def _make_room(self, artifact: SealedArtifact, level: str) -> None:
        """Every final name is free afterwards: what may be replaced is removed, a number is found, or the name is refused."""
        plan = self.plan
        for part in artifact.files:
            if plan.replace or plan.checkpoint.intended or self._is_same_again(part, level):
                plan.destination.remove(self._path(part))
        while plan.numbered and any(self._is_taken(part) for part in artifact.files):
            self._copy += 1
        for part in artifact.files:
            plan.destination.require_free(self._path(part))

    def _send(self, path: str, artifact: SealedArtifact, part: SealedPart) -> dict[str, Any]:
        return send_anew(self.plan, path, self._blocks(artifact, part), part.final.size_bytes)

    def _blocks(self, artifact: SealedArtifact, part: SealedPart) -> Blocks:
        kept = self.plan.store.open(artifact.location, artifact.wrapped_key)
        blocks = kept.read(part.offset, part.final.size_bytes) if artifact.parts else kept.read()
        return self._watch(events.SEND, blocks)

    def _is_same_again(self, part: SealedPart, level: str) -> bool:
        """Whether the file to send again already stands under its name; other bytes there are protected as ever."""
        return self.plan.same_again and self._holds(part, level) is not None

    def _confirm(self, artifact: SealedArtifact, finished_at: datetime, verification: str | None) -> None:
        """`verification` is the level the file was compared at; None when no file left."""
        if (confirmation := self.plan.confirmation) is None:
            return
        with self._step(events.CONFIRM) as detail:
            delivered_to = [self._path(part) for part in artifact.files] if verification else []
            content = confirmation.write(artifact, delivered_to, self.plan.started_at, finished_at, verification)
            final = join(confirmation.folder, confirmation.file_name)
            self._sweep(range(1, self.plan.attempt), confirmation.folder)
            deposit(self.plan.destination, content, final, self.plan.hidden_path(self.plan.attempt, confirmation.folder))
            detail.update(remote_path=final, size_bytes=len(content))

    def _sweep(self, attempts: range, folder: str | None = None) -> None:
        for attempt in attempts:
            for part in range(1, self._most_parts + 1):
                self.plan.destination.remove(self.plan.hidden_path(attempt, folder, part))

    def _copy_before(self) -> int:
        """The number an earlier attempt, or the run that is sent again, gave the name of its first file; 1 for none."""
        artifact, known = self.plan.checkpoint.artifact, self.plan.checkpoint.remote_path
        if artifact is None or self.plan.numbered is None or not known:
            return 1
        own, name = artifact.files[0].file_name, known.rpartition("/")[2]
        return next((number for number in range(2, _MOST_COPIES) if self.plan.numbered(own, number) == name), 1)

    def sweep(self) -> None:
        """Over a link of its own: the other may be what failed. Out of reach, the run's next attempt sweeps."""
        folders = {self.plan.folder, self.plan.confirmation.folder if self.plan.confirmation else self.plan.folder}
        try:
            with self.plan.destination:
                for folder in folders:
                    self._sweep(range(1, self.plan.attempt + 1), folder)
                for part in self._exposed:
                    self.plan.destination.remove(self._path(part))
        except PaquebotError as error:
            self.listener.tell(events.SweepFailed(describe(error)))


class _TableVoyage(_Voyage):
    """Where the destination keeps rows: loaded into a staging table, counted there, then let go where they belong.

    Publishing is done at most once by whoever carries it out, so that an earlier attempt's is found, never repeated.
    """

    @property
    def table(self) -> TableDestination:
        """The destination, as `_voyage` saw it."""
        return cast(TableDestination, self.plan.destination)

    def _found(self, artifact: SealedArtifact, level: str) -> str | None:
        if not self.plan.checkpoint.intended:
            return None
        with self._step(events.COMPARE) as detail:
            self._sweep(range(1, self.plan.attempt))
            detail["already_there"] = self.table.published()
        if not detail["already_there"]:
            return None
        self.listener.tell(events.Published(self.plan.remote_path, level))
        return level

    def _transmit(self, artifact: SealedArtifact, level: str) -> str:
        plan, table = self.plan, self.table
        staging = plan.hidden_path(plan.attempt)
        with self._step(events.SEND) as detail:
            table.expect([Column(*column) for column in zip(artifact.columns, artifact.types, strict=True)])
            self._sweep(range(1, plan.attempt))
            detail.update(self._send(staging, artifact, artifact.files[0]))
            detail.update(table.account)
        with self._step(events.COMPARE) as detail:
            compare_rows(table, staging, artifact.rows)
            detail.update(level=level, rows=artifact.rows)
        with self._step(events.PUBLISH) as detail:
            self.cancellation.check()
            self.listener.tell(events.PublishIntended(plan.remote_path, artifact.final))
            table.publish(staging, plan.remote_path, replace=plan.replace)
            detail.update(table.account, remote_path=plan.remote_path)
            self.listener.tell(events.Published(plan.remote_path, level))
        self._drop(staging)
        return level

    def _drop(self, staging: str) -> None:
        """The rows are where they belong: a staging table that stays behind is no failure, and expires by itself."""
        try:
            self.table.remove(staging)
        except PaquebotError as error:
            self.listener.tell(events.SweepFailed(describe(error)))


def _add(detail: dict[str, Any], more: dict[str, Any]) -> None:
    """Tells of one more file: sizes are added up; of several files a digest tells nothing."""
    size = detail.get("size_bytes", 0) + more["size_bytes"]
    detail.update(more, size_bytes=size, **({"sha256": None} if "sha256" in detail else {}))
