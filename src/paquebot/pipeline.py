"""The road of an export, in its one order: the only module that knows it.

    source ─▶ content ─▶ format ─▶ compression ─▶ encryption ─▶ artifact ─▶ send ─▶ compare ─▶ publish ─▶ confirm ─▶ report

Everything before the artifact streams in one pass, each stage at the same time as its neighbours. Delivery starts when the
artifact is sealed; the artifact is the checkpoint every later attempt starts from. The final name never holds a partial file:
bytes go to a hidden name, are compared there, and get their name in one step after the intent was told and kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from paquebot import events
from paquebot.content import contract
from paquebot.content.contract import ColumnContract
from paquebot.content.fields import Obfuscation
from paquebot.content.gate import Gate, Inspection
from paquebot.delivery.base import Destination
from paquebot.errors import ContentError, FencedError, PaquebotError, Problem, VerificationError, describe
from paquebot.events import Listener, SealedArtifact
from paquebot.flow import Blocks, Cancellation, Meter, Rows, closing_upstream
from paquebot.formats.base import Format
from paquebot.packaging.artifact import ArtifactStore
from paquebot.packaging.compression.base import Compression
from paquebot.packaging.concurrency import ahead
from paquebot.packaging.encryption.base import Encryption
from paquebot.reporting.confirmation import Confirmation
from paquebot.sources.base import Source
from paquebot.verification.comparison import compare, strongest

if TYPE_CHECKING:
    import pyarrow as pa

EMPTY_RESULT = Problem(
    "content.empty",
    "The result has no row, and this export is set to fail when there is nothing to export.",
    "Check the source; or choose to send a file with only its header, or no file at all, when the result is empty.",
)

HEADER_ONLY, NO_FILE, FAILURE = "header_only", "no_file", "failure"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far earlier attempts of the same run came."""

    artifact: SealedArtifact | None = None
    intended: bool = False
    verification: str | None = None
    """The level the published file was compared at; None while it is not published."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run with every plug-in built. `token` makes hidden names of this run recognisable among all installations'."""

    token: str
    attempt: int
    source: Source
    obfuscation: Obfuscation | None
    format: Format
    compression: Compression | None
    encryption: Encryption | None
    store: ArtifactStore
    destination: Destination
    file_name: str
    folder: str
    replace: bool
    when_empty: str
    two_step: bool
    confirmation: Confirmation | None
    started_at: datetime
    checkpoint: Checkpoint = field(default_factory=Checkpoint)
    same_again: bool = False
    """A kept file is sent again: its own bytes under the final name may be replaced, whatever `replace` says."""
    contract: ColumnContract | None = None
    gate: Gate = field(default_factory=Gate)
    released: bool = False
    """A person looked at what the file is held for, and lets it leave."""

    @property
    def remote_path(self) -> str:
        return join(self.folder, self.file_name)

    def hidden_path(self, attempt: int, folder: str | None = None) -> str:
        """Where the bytes of `attempt` stand before they are published."""
        return join(self.folder if folder is None else folder, f".paquebot-{self.token}-{attempt}.part")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run that did not fail came to: `delivered`, `nothing_to_export` without a file, or `held` for a person."""

    status: str
    artifact: SealedArtifact
    remote_path: str | None
    verification: str | None
    identity: dict[str, str] = field(default_factory=dict)
    finished_at: datetime | None = None


def carry_out(plan: Plan, listener: Listener, cancellation: Cancellation, now: Callable[[], datetime]) -> Outcome:
    """Produces (unless an earlier attempt did) and delivers, telling `listener` every step.

    Raises the `PaquebotError` of the stage that failed, after the hidden file was removed if the server could be reached.
    """
    voyage = _Voyage(plan, listener, cancellation, now)
    artifact = plan.checkpoint.artifact or voyage.produce()
    if artifact.held_for and not plan.released:
        return Outcome("held", artifact, None, None, finished_at=now())
    if artifact.rows == 0 and plan.when_empty == NO_FILE:
        return Outcome("nothing_to_export", artifact, None, None, finished_at=now())
    return voyage.deliver(artifact)


def clean_up(plan: Plan, listener: Listener, now: Callable[[], datetime]) -> Outcome | None:
    """After the attempts of a run that will not go on: removes what they left under hidden names.

    The outcome when one of them had published the file after all and only died before it could say so.
    """
    voyage = _Voyage(plan, listener, Cancellation(), now)
    if plan.checkpoint.artifact and plan.checkpoint.intended:
        return voyage.settle(plan.checkpoint.artifact)
    voyage.sweep()
    return None


def join(folder: str, name: str) -> str:
    """A remote path; an empty folder is the place the server puts us in."""
    if not folder:
        return name
    return f"{folder.rstrip('/')}/{name}"


class _Voyage:
    def __init__(self, plan: Plan, listener: Listener, cancellation: Cancellation, now: Callable[[], datetime]) -> None:
        self.plan = plan
        self.listener = listener
        self.cancellation = cancellation
        self.now = now

    # ── before the artifact ──────────────────────────────────────────────────────────────────────────────────────────────

    def produce(self) -> SealedArtifact:
        plan = self.plan
        with plan.source:
            with self._step(events.PREPARE) as detail:
                self._check()
                detail["file_name"] = plan.file_name
            with self._step(events.PRODUCE) as detail:
                artifact = self._seal(plan.source.rows(), detail)
                detail.update(rows=artifact.rows, size_bytes=artifact.final.size_bytes, sha256=artifact.final.sha256)
                self._refuse_empty(artifact)
                self.listener.tell(events.ArtifactSealed(artifact))
        return artifact

    def _check(self) -> None:
        self.plan.source.check()
        if self.plan.encryption is not None:
            self.plan.encryption.check()

    def _seal(self, rows: Rows, detail: dict[str, Any]) -> SealedArtifact:
        plan = self.plan
        counter = _Counter(rows, self.cancellation)
        inspection = Inspection(plan.gate)
        fit = (plan.contract or ColumnContract(contract.FOLLOW)).fit(rows.schema)
        leaving = inspection.watch(counter.rows)
        if plan.obfuscation:
            hidden = plan.obfuscation.apply(leaving)
            leaving = Rows(hidden.schema, ahead(hidden.batches, depth=2))
        leaving = contract.only(leaving, [column.name for column in fit.columns])
        if fit.notices:
            detail["notices"] = [describe(notice) for notice in fit.notices]
        plain, packed = Meter(), Meter()
        blocks: Blocks = ahead(plain.watch(plan.format.write(leaving)))
        if plan.compression:
            blocks = ahead(plan.compression.pack(blocks))
        if plan.encryption:
            blocks = plan.encryption.encrypt(packed.watch(blocks))
        watched = self._watch(events.PRODUCE, blocks, counter)
        with closing_upstream(watched):
            kept = plan.store.seal(f"{plan.token}-{plan.attempt}", watched)
        return SealedArtifact(
            location=kept.location,
            wrapped_key=kept.wrapped_key,
            file_name=plan.file_name,
            rows=counter.count,
            columns=tuple(leaving.schema.names),
            plain=plain.measure,
            packed=packed.measure if plan.encryption else kept.measure,
            final=kept.measure,
            contract=tuple(column.to_document() for column in fit.columns),
            held_for=tuple(describe(why) for why in (*fit.held_for, *inspection.findings(kept.measure.size_bytes))),
        )

    def _refuse_empty(self, artifact: SealedArtifact) -> None:
        if artifact.rows == 0 and self.plan.when_empty == FAILURE:
            self.plan.store.remove(artifact.location)
            raise ContentError(EMPTY_RESULT)

    # ── from the artifact on ─────────────────────────────────────────────────────────────────────────────────────────────

    def deliver(self, artifact: SealedArtifact) -> Outcome:
        plan = self.plan
        with ExitStack() as link:
            self._connect(link)
            try:
                level = strongest(plan.destination.CAPABILITIES, two_step=plan.two_step)
                verification = plan.checkpoint.verification or self._found(artifact, level) or self._transmit(artifact, level)
                return self._complete(artifact, verification)
            except Exception:
                link.close()
                self.sweep()
                raise

    def settle(self, artifact: SealedArtifact) -> Outcome | None:
        """Nothing more is sent: a file that had its name already is confirmed, otherwise nothing is left."""
        with ExitStack() as link:
            self._connect(link)
            level = strongest(self.plan.destination.CAPABILITIES, two_step=self.plan.two_step)
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
        if self.plan.confirmation is not None:
            self._confirm(self.plan.confirmation, artifact, finished_at)
        return Outcome("delivered", artifact, self.plan.remote_path, verification, identity, finished_at)

    def _connect(self, link: ExitStack) -> None:
        """A server that lets nobody in fails the step the link was for. It is not asked again to sweep: nothing was sent."""
        try:
            link.enter_context(self.plan.destination)
        except PaquebotError as error:
            step = events.CONFIRM if self.plan.checkpoint.verification else events.SEND
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
            detail["already_there"] = self._holds(artifact, level)
        if not detail["already_there"]:
            return None
        self.listener.tell(events.Published(plan.remote_path, level))
        return level

    def _holds(self, artifact: SealedArtifact, level: str) -> bool:
        path = self.plan.remote_path
        if self.plan.destination.size(path) != artifact.final.size_bytes:
            return False
        try:
            compare(self.plan.destination, path, artifact.final, level)
        except VerificationError:
            return False
        return True

    def _transmit(self, artifact: SealedArtifact, level: str) -> str:
        plan = self.plan
        hidden = plan.hidden_path(plan.attempt)
        with self._step(events.SEND) as detail:
            self._sweep(range(1, plan.attempt))
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

    def _send(self, hidden: str, artifact: SealedArtifact) -> dict[str, Any]:
        blocks = self.plan.store.open(artifact.location, artifact.wrapped_key).read()
        watched = self._watch(events.SEND, blocks)
        with closing_upstream(watched):
            accepted = self.plan.destination.send(hidden, watched, artifact.final.size_bytes)
        return {"size_bytes": accepted, **self.plan.destination.identity}

    def _is_same_again(self, artifact: SealedArtifact, level: str) -> bool:
        """Whether the file to send again already stands under its name; other bytes there are protected as ever."""
        return self.plan.same_again and self._holds(artifact, level)

    def _confirm(self, confirmation: Confirmation, artifact: SealedArtifact, finished_at: datetime) -> None:
        with self._step(events.CONFIRM) as detail:
            content = confirmation.write(artifact, self.plan.remote_path, self.plan.started_at, finished_at)
            hidden = self.plan.hidden_path(self.plan.attempt, confirmation.folder)
            final = join(confirmation.folder, confirmation.file_name)
            self._sweep(range(1, self.plan.attempt), confirmation.folder)
            self.plan.destination.send(hidden, iter([content]), len(content))
            self.plan.destination.publish(hidden, final, replace=True)
            detail.update(remote_path=final, size_bytes=len(content))

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
        except PaquebotError as error:
            self.listener.tell(events.SweepFailed(describe(error)))

    # ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _step(self, name: str) -> Iterator[dict[str, Any]]:
        self.cancellation.check()
        self.listener.tell(events.StepStarted(name))
        detail: dict[str, Any] = {}
        try:
            yield detail
        except FencedError:
            raise
        except Exception as error:
            self.listener.tell(events.StepFailed(name, describe(error)))
            raise
        self.listener.tell(events.StepFinished(name, detail))

    def _watch(self, step: str, blocks: Blocks, counter: _Counter | None = None) -> Blocks:
        passed = 0
        with closing_upstream(blocks):
            for block in blocks:
                self.cancellation.check()
                passed += len(block)
                self.listener.tell(events.StepProgressed(step, counter.count if counter else 0, passed))
                yield block


class _Counter:
    """Counts rows as they pass, and stops them when the run is cancelled."""

    def __init__(self, rows: Rows, cancellation: Cancellation) -> None:
        self.count = 0
        self.rows = Rows(rows.schema, self._counted(rows, cancellation))

    def _counted(self, rows: Rows, cancellation: Cancellation) -> Iterator[pa.RecordBatch]:
        with closing_upstream(rows.batches):
            for batch in rows.batches:
                cancellation.check()
                self.count += batch.num_rows
                yield batch
