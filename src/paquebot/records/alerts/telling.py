"""What is told, to whom: written in the transaction of what happened, so that it is told if, and only if, it did.

Every run that ends in a way people listen to gives one notice per event, one letter per listener of it, and one entry in the
inbox of each person. The same cause again (the same export, the same error) goes on with the series it began, and counts.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from paquebot.alerts import DELIVERED, FAILED, HEARTBEAT, HELD, LATE, NOTHING_TO_EXPORT, RECOVERED, STARTED
from paquebot.export import ACTIVE
from paquebot.records.alerts.digest import next_digest, waits_for_digest
from paquebot.records.alerts.listening import Ear, ears
from paquebot.records.models import AlertChannel, Export, InboxEntry, Letter, Notice, Run, Subscription, User
from paquebot.records.models.alerts import ALERT, DIGEST
from paquebot.records.timetables import timetable_of

_EVENTS = {
    "delivered": DELIVERED,
    "nothing_to_export": NOTHING_TO_EXPORT,
    "failed": FAILED,
    "refused": FAILED,
    "held": HELD,
    "missed": LATE,
}
"""How a run ended → what is told. Whoever cancelled one, or let one be skipped, knows."""
PULSE_LASTS = timedelta(minutes=10)
"""A sign of life that comes later than that says nothing any more."""
_WELL = (DELIVERED, NOTHING_TO_EXPORT)
UNWELL = (FAILED, HELD, LATE)


def announce_end(run_id: int) -> None:
    """Tells how the run ended, in the caller's transaction."""
    run = Run.objects.select_related("export", "project").filter(id=run_id).first()
    event = _EVENTS.get(run.status) if run else None
    if run is None or run.export is None or event is None:
        return
    facts = facts_of(run)
    if event in _WELL and _was_unwell(run.export, run):
        _tell(run.export, run, event, facts)
        _tell(run.export, run, RECOVERED, facts)
    else:
        _tell(run.export, run, event, facts)


def announce_start(run: Run) -> None:
    """Tells heartbeats that the run begins; nobody else."""
    pulses = Subscription.objects.filter(export=run.export_id, channel__kind=HEARTBEAT)
    if run.export is None or not pulses.exists():
        return
    _tell(run.export, run, STARTED, facts_of(run))


def tell_late_start(run: Run, passed_over: int) -> None:
    """Tells that a run starts well after it was due, and how many due times before it were passed over."""
    if run.export:
        _tell(run.export, run, LATE, {**facts_of(run), "passed_over": passed_over})


def tell_opt_outs(export: Export, since: datetime, count: int, hours: int) -> None:
    """Tells that the export's destination does not know, after so many hours, who opted out."""
    facts = {**_facts_of_export(export), "opt_outs": count, "hours": hours, "since": since.isoformat()}
    _tell(export, None, LATE, facts, since)


def tell_undelivered(export: Export, due_at: datetime, deadline: datetime) -> None:
    """Tells that what was due at `due_at` is not delivered at its deadline; once for each due time."""
    if Notice.objects.filter(export=export, event=LATE, due_at=due_at).exists():
        return
    run = Run.objects.filter(export=export, scheduled_for=due_at).select_related("project").order_by("-id").first()
    facts = facts_of(run) if run else {**_facts_of_export(export), "due_at": due_at.isoformat()}
    told = run if run and not Notice.objects.filter(run=run, event=LATE).exists() else None
    _tell(export, told, LATE, {**facts, "deadline": deadline.isoformat(), "now": run.status if run else ""}, due_at)


def remind(export: Export, last: Notice) -> None:
    """Tells once more what `last` told: it goes on with its series, and is no further occurrence."""
    since = last.facts.get("since") or (last.series or last).created_at.isoformat()
    number = last.run_id or last.facts.get("run")
    facts = {**last.facts, "run": number, "reminder": True, "since": since}
    listening = [ear for ear in ears(export) if ear.reaches and ear.hears(last.event) and not ear.is_heartbeat]
    notice = Notice.objects.create(
        project=export.project,
        export=export,
        event=last.event,
        due_at=last.due_at,
        facts=facts,
        series=last.series or last,
        count=last.count,
    )
    _write_to_all(listening, notice)


def facts_of(run: Run) -> dict[str, Any]:
    """What a message may say of a run: nothing of the data itself, no secret."""
    definition = run.definition["export"]
    destination = definition.get("destination") or {}
    step = run.steps.filter(status="failed").order_by("-id").values_list("name", flat=True).first()
    return {
        **(_facts_of_export(run.export) if run.export else {}),
        "run": run.id,
        "status": run.status,
        "place": run.remote_path if run.verification else destination.get("folder") or "",
        "server": run.server_name or destination.get("server") or "",
        "file_name": run.file_name,
        "rows": run.rows,
        "size_bytes": run.size_bytes,
        "verification": run.verification,
        "error": run.error,
        "step": step or "",
        "uncertain": run.status == "held" and run.intended,
        "due_at": run.scheduled_for.isoformat(),
        "started_at": _moment(run.started_at),
        "finished_at": _moment(run.finished_at),
    }


def _facts_of_export(export: Export) -> dict[str, Any]:
    schedule = export.definition.get("schedule")
    following = (
        timetable_of(export.project, schedule).next_after(timezone.now()) if schedule and export.state == ACTIVE else None
    )
    destination = export.definition.get("destination") or {}
    return {
        "project": export.project.name,
        "project_label": export.project.label or export.project.name,
        "export": export.name,
        "label": export.definition.get("label") or export.name,
        "server": destination.get("server") or "",
        "timezone": schedule["timezone"] if schedule else export.project.timezone,
        "next_at": _moment(following),
    }


def zone_of(facts: Mapping[str, Any]) -> ZoneInfo:
    """The clock on which a notice tells its times."""
    return ZoneInfo(facts["timezone"])


def _tell(export: Export, run: Run | None, event: str, facts: dict[str, Any], due_at: datetime | None = None) -> None:
    listening = [ear for ear in ears(export) if ear.reaches and ear.hears(event)]
    if not listening and event in (*_WELL, STARTED):
        return
    if run is not None and Notice.objects.filter(run=run, event=event).exists():
        return
    before = _same_before(export, event, facts)
    notice = Notice.objects.create(
        project=export.project,
        export=export,
        run=run,
        event=event,
        due_at=due_at or (run.scheduled_for if run else timezone.now()),
        facts=facts,
        series=(before.series or before) if before else None,
        count=before.count + 1 if before else 1,
    )
    _write_to_all(listening, notice)


def _write_to_all(listening: Sequence[Ear], notice: Notice) -> None:
    """One letter an address or channel, whatever the number of ways it listens."""
    for ear in {_reader(ear): ear for ear in sorted(listening, key=lambda ear: ear.is_person)}.values():
        write_to(notice, ear.address, ear.subscription.user, ear.subscription.language, ear.channel)


def _reader(ear: Ear) -> tuple[str, int | None]:
    return (ear.address, ear.channel.id if ear.channel else None)


def write_to(notice: Notice, address: str, user: User | None, language: str = "", channel: AlertChannel | None = None) -> None:
    """The letter to somebody, at an address or by a channel, and the person's inbox."""
    now = timezone.now()
    gathered = user is not None and waits_for_digest(user, notice.event)
    is_pulse = channel is not None and channel.kind == HEARTBEAT
    Letter.objects.create(
        project=notice.project,
        notice=notice,
        user=user,
        channel=channel,
        address=address,
        language=language,
        purpose=DIGEST if gathered else ALERT,
        token=secrets.token_hex(16),
        next_at=next_digest(notice.project, now) if gathered else now,
        until=now + PULSE_LASTS if is_pulse else None,
    )
    if user:
        InboxEntry.objects.update_or_create(
            user=user,
            series=notice.series or notice,
            defaults={"project": notice.project, "notice": notice, "told_at": now, "read_at": None},
        )


def _same_before(export: Export, event: str, facts: Mapping[str, Any]) -> Notice | None:
    """The notice before this one, when it told of the same: nothing went well since, and the cause is the same."""
    if event not in UNWELL:
        return None
    before = Notice.objects.filter(export=export, event__in=(*UNWELL, RECOVERED)).order_by("-id")
    for notice in before[:20]:
        if notice.event == RECOVERED or (event == FAILED and notice.event == FAILED and _cause(notice.facts) != _cause(facts)):
            return None
        if notice.event == event:
            return notice
    return None


def _cause(facts: Mapping[str, Any]) -> str:
    return str((facts.get("error") or {}).get("code", ""))


def _was_unwell(export: Export, run: Run) -> bool:
    """Whether the last that was told, or the run before this one where nothing ever was, left something to put right.

    An old file sent again puts nothing right that failed since.
    """
    last = Notice.objects.filter(export=export, event__in=(*UNWELL, RECOVERED)).order_by("-id").first()
    if last is not None:
        return last.event != RECOVERED and last.due_at <= run.scheduled_for
    ended = Run.objects.filter(export=export, id__lt=run.id, status__in=_EVENTS).order_by("-id").first()
    return ended is not None and _EVENTS[ended.status] in UNWELL and ended.scheduled_for <= run.scheduled_for


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
