"""The road of an export, in its one order: the only module that knows it.

    source ─▶ content ─▶ format ─▶ compression ─▶ encryption ─▶ artifact ─▶ send ─▶ compare ─▶ publish ─▶ confirm ─▶ report

Everything before the artifact streams in one pass, each stage at the same time as its neighbours. Delivery starts when the
artifact is sealed; the artifact is the checkpoint every later attempt starts from. The final name never holds a partial file:
bytes go to a hidden name, are compared there, and get their name in one step after the intent was told and kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from paquebot import events
from paquebot.confirmation_keys import ZERO_ROWS
from paquebot.delivery.tables import TableDestination
from paquebot.errors import ContentError, PaquebotError, Problem, VerificationError, describe
from paquebot.events import Listener, SealedArtifact
from paquebot.flow import Cancellation, Column, Measure, Meter, Rows, closing_upstream
from paquebot.plan import Checkpoint, Outcome, Plan, join
from paquebot.producing import Making
from paquebot.steps import Steps
from paquebot.verification.comparison import compare, compare_rows, strongest

EMPTY_RESULT = Problem(
    "content.empty",
    "The result has no row, and this export is set to fail when there is nothing to export.",
    "Check the source; or choose to send a file with only its header, or no file at all, when the result is empty.",
)

PRODUCED_OTHERWISE = Problem(
    "verification.produced_otherwise",
    "The file was produced twice from the same data, and the two differ: {first_bytes} and {second_bytes} bytes, SHA-256 "
    "{first_sha256} and {second_sha256}.",
    "Nothing was sent. Order the rows by key; if they are already, this is a defect of Paquebot: please report it.",
)

_HIDDEN = re.compile(r"\.paquebot-(?P<token>[0-9a-f]{6,16})-\d+\.part\Z")
__all__ = ["Checkpoint", "Outcome", "Plan", "carry_out", "clean_up", "join"]

HEADER_ONLY, NO_FILE, FAILURE = "header_only", "no_file", "failure"


def carry_out(plan: Plan, listener: Listener, cancellation: Cancellation, now: Callable[[], datetime]) -> Outcome:
    """Produces (unless an earlier attempt did) and delivers, telling `listener` every step.

    Raises the `PaquebotError` of the stage that failed, after the hidden file was removed if the server could be reached.
    """
    voyage = _voyage(plan, listener, cancellation, now)
    artifact = plan.checkpoint.artifact or voyage.produce()
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
        self._exposed = False
        """Part of the file may stand under the final name, because the server cannot rename."""

    # ── before the artifact ──────────────────────────────────────────────────────────────────────────────────────────────

    def produce(self) -> SealedArtifact:
        plan = self.plan
        with ExitStack() as reading:
            reading.enter_context(plan.source)
            with self._step(events.PREPARE) as detail:
                self._check()
                detail["file_name"] = plan.file_name
            with self._step(events.PRODUCE) as detail:
                artifact = self._seal(plan.source.rows(), detail)
                self._refuse_empty(artifact)
                if plan.twice:
                    reading.close()
                    artifact = self._same_again(artifact)
                detail.update(rows=artifact.rows, size_bytes=artifact.final.size_bytes, sha256=artifact.final.sha256)
                detail.update(artifact.report)
                self.listener.tell(events.ArtifactSealed(artifact))
        return artifact

    def _check(self) -> None:
        self.plan.source.check()
        if self.plan.encryption is not None:
            self.plan.encryption.check()

    def _seal(self, rows: Rows, detail: dict[str, Any]) -> SealedArtifact:
        plan, begun = self.plan, self.now()
        made = Making(plan, plan.format, rows, self.cancellation)
        if made.fit.notices:
            detail["notices"] = [describe(notice) for notice in made.fit.notices]
        packed = Meter()
        blocks = plan.encryption.encrypt(packed.watch(made.blocks)) if plan.encryption else made.blocks
        watched = self._watch(events.PRODUCE, blocks, made.counter)
        with closing_upstream(watched):
            kept = plan.store.seal(f"{plan.token}-{plan.attempt}", watched)
        return SealedArtifact(
            location=kept.location,
            wrapped_key=kept.wrapped_key,
            file_name=plan.file_name,
            rows=made.counter.count,
            columns=made.columns,
            types=made.types,
            plain=made.plain.measure,
            packed=packed.measure if plan.encryption else kept.measure,
            final=kept.measure,
            contract=tuple(column.to_document() for column in made.fit.columns),
            held_for=made.held_for(kept.measure.size_bytes, (self.now() - begun).total_seconds()),
            report=dict(plan.format.report),
        )

    def _same_again(self, artifact: SealedArtifact) -> SealedArtifact:
        """Produces again from the same snapshot, keeping nothing. Raises `VerificationError` unless it is the same file."""
        try:
            second = self._measured_again()
        except BaseException:
            self.plan.store.remove(artifact.location)
            raise
        if second != (first := artifact.packed):
            self.plan.store.remove(artifact.location)
            sizes = {"first_bytes": first.size_bytes, "second_bytes": second.size_bytes}
            raise VerificationError(PRODUCED_OTHERWISE, **sizes, first_sha256=first.sha256, second_sha256=second.sha256)
        return replace(artifact, report={**artifact.report, "times_produced": 2})

    def _measured_again(self) -> Measure:
        with self.plan.source:
            made = Making(self.plan, self.plan.format.afresh(), self.plan.source.rows(), self.cancellation)
            packed = Meter()
            watched = self._watch(events.PRODUCE, packed.watch(made.blocks), made.counter)
            with closing_upstream(watched):
                for _ in watched:
                    pass
        return packed.measure

    def _refuse_empty(self, artifact: SealedArtifact) -> None:
        if artifact.rows == 0 and self.plan.when_empty == FAILURE:
            self.plan.store.remove(artifact.location)
            raise ContentError(EMPTY_RESULT)

    # ── from the artifact on ─────────────────────────────────────────────────────────────────────────────────────────────

    def deliver(self, artifact: SealedArtifact) -> Outcome:
        plan = self.plan
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
        """Nothing more is sent: a file that had its name already is confirmed, otherwise nothing is left."""
        with ExitStack() as link:
            self._connect(link, events.SEND)
            level = strongest(self.plan.destination.capabilities, two_step=self.plan.two_step)
            verification = self._found(artifact, level)
            if verification:
                return self._complete(artifact, verification)
        self.sweep()
        return None

    def _complete(self, artifact: SealedArtifact, verification: str) -> Outcome:
        """The file is published: whatever was asked meanwhile, the run rolls forward."""
        self.cancellation = Cancellation()
        identity = dict(self.plan.destination.identity)
        finished_at = self.now()
        self._confirm(artifact, finished_at, verification)
        return Outcome("delivered", artifact, self.plan.remote_path, verification, identity, finished_at)

    @contextmanager
    def _linked(self, step: str) -> Iterator[None]:
        """With the server reached, for `step`; when something goes wrong, what was left there is swept over another link."""
        with ExitStack() as link:
            self._connect(link, step)
            try:
                yield
            except Exception:
                link.close()
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
        """An earlier attempt died around the rename: matching bytes under the final name mean that it had happened."""
        plan = self.plan
        if not plan.checkpoint.intended:
            return None
        with self._step(events.COMPARE) as detail:
            self._sweep(range(1, plan.attempt))
            reached = self._holds(artifact, level)
            detail["already_there"] = reached is not None
        if reached:
            self.listener.tell(events.Published(plan.remote_path, reached))
        return reached

    def _holds(self, artifact: SealedArtifact, level: str) -> str | None:
        """The level at which the file under the final name is this one; None when it is another one, or none."""
        path = self.plan.remote_path
        if self.plan.destination.size(path) != artifact.final.size_bytes:
            return None
        try:
            return compare(self.plan.destination, path, artifact.final, level).level
        except VerificationError:
            return None

    def _transmit(self, artifact: SealedArtifact, level: str) -> str:
        if not self.plan.destination.capabilities.hidden_name:
            return self._transmit_openly(artifact, level)
        plan = self.plan
        hidden = plan.hidden_path(plan.attempt)
        with self._step(events.SEND) as detail:
            self._sweep(range(1, plan.attempt))
            self._sweep_orphans()
            detail.update(self._send(hidden, artifact))
        with self._step(events.COMPARE) as detail:
            compared = compare(plan.destination, hidden, artifact.final, level)
            detail.update(level=compared.level, size_bytes=compared.size_bytes, sha256=compared.sha256)
        with self._step(events.PUBLISH) as detail:
            self.cancellation.check()
            self.listener.tell(events.PublishIntended(plan.remote_path, artifact.final))
            plan.destination.publish(hidden, plan.remote_path, replace=plan.replace or self._is_same_again(artifact, level))
            detail.update(remote_path=plan.remote_path)
            self.listener.tell(events.Published(plan.remote_path, compared.level))
        return compared.level

    def _transmit_openly(self, artifact: SealedArtifact, level: str) -> str:
        """To a server that cannot rename, as somebody declared: what begins under the final name is published already."""
        plan = self.plan
        with self._step(events.SEND) as detail:
            if plan.replace or plan.checkpoint.intended or self._is_same_again(artifact, level):
                plan.destination.remove(plan.remote_path)
            plan.destination.require_free(plan.remote_path)
            self.listener.tell(events.PublishIntended(plan.remote_path, artifact.final))
            self._exposed = True
            detail.update(self._send(plan.remote_path, artifact))
        with self._step(events.COMPARE) as detail:
            compared = compare(plan.destination, plan.remote_path, artifact.final, level)
            detail.update(level=compared.level, size_bytes=compared.size_bytes, sha256=compared.sha256)
            self.listener.tell(events.Published(plan.remote_path, compared.level))
        self._exposed = False
        return compared.level

    def _send(self, hidden: str, artifact: SealedArtifact) -> dict[str, Any]:
        blocks = self.plan.store.open(artifact.location, artifact.wrapped_key).read()
        watched = self._watch(events.SEND, blocks)
        with closing_upstream(watched):
            accepted = self.plan.destination.send(hidden, watched, artifact.final.size_bytes)
        return {"size_bytes": accepted, **self.plan.destination.identity}

    def _is_same_again(self, artifact: SealedArtifact, level: str) -> bool:
        """Whether the file to send again already stands under its name; other bytes there are protected as ever."""
        return self.plan.same_again and self._holds(artifact, level) is not None

    def _confirm(self, artifact: SealedArtifact, finished_at: datetime, verification: str | None) -> None:
        """`verification` is the level the file was compared at; None when no file left."""
        if (confirmation := self.plan.confirmation) is None:
            return
        with self._step(events.CONFIRM) as detail:
            delivered_to = self.plan.remote_path if verification else None
            content = confirmation.write(artifact, delivered_to, self.plan.started_at, finished_at, verification)
            final = join(confirmation.folder, confirmation.file_name)
            self._sweep(range(1, self.plan.attempt), confirmation.folder)
            self._deposit(content, final, self.plan.hidden_path(self.plan.attempt, confirmation.folder))
            detail.update(remote_path=final, size_bytes=len(content))

    def _deposit(self, content: bytes, final: str, hidden: str) -> None:
        """A small file under its final name, in place of an earlier one."""
        destination = self.plan.destination
        if destination.capabilities.hidden_name:
            destination.send(hidden, iter([content]), len(content))
            destination.publish(hidden, final, replace=True)
        else:
            destination.remove(final)
            destination.send(final, iter([content]), len(content))

    def _sweep_orphans(self) -> None:
        """Removes what runs that are over left under hidden names when nobody could reach the server any more."""
        destination, folder = self.plan.destination, self.plan.hidden_folder()
        if destination.capabilities.listing:
            found = {name: match["token"] for name in destination.names(folder) if (match := _HIDDEN.match(name))}
            over = self.plan.ended(set(found.values()) - {self.plan.token})
            for name in (name for name, token in found.items() if token in over):
                destination.remove(join(folder, name))

    def _sweep(self, attempts: range, folder: str | None = None) -> None:
        for attempt in attempts:
            self.plan.destination.remove(self.plan.hidden_path(attempt, folder))

    def sweep(self) -> None:
        """Over a link of its own: the other may be what failed. Out of reach, the run's next attempt sweeps.

        A newer attempt's hidden file has another name, so that one which was overtaken may sweep, too.
        """
        folders = {self.plan.folder, self.plan.confirmation.folder if self.plan.confirmation else self.plan.folder}
        try:
            with self.plan.destination:
                for folder in folders:
                    self._sweep(range(1, self.plan.attempt + 1), folder)
                if self._exposed:
                    self.plan.destination.remove(self.plan.remote_path)
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
            detail.update(self._send(staging, artifact))
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
