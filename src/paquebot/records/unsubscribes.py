"""The unsubscribe clock: how long it takes from an opt-out until each destination verifiably knows.

It starts with the import that brought the opt-out, and stops, for a destination, with the first verified delivery of a file
that carries opt-outs and was made of that snapshot or a later one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from paquebot.consent import Consent
from paquebot.errors import Problem
from paquebot.export import ACTIVE, ExportDefinition
from paquebot.options import DefinitionError, nearest
from paquebot.records.alerts.telling import tell_opt_outs
from paquebot.records.models import Export, Notice, OptOuts, Project, Query, Run, Table
from paquebot.sources.lake.catalogue import Catalogue
from paquebot.sources.lake.opt_outs import OptOut, count_opt_outs

LOOKED_BACK = timedelta(days=30)
NO_CONTACT_LIST = Problem(
    "consent.no_table", "{where}: there is no table “{value}” in the project.", "Import it first, or choose one of: {known}."
)
NO_FIELD = Problem(
    "consent.no_field", "{where}: the table “{table}” has no field “{value}”.", "Did you mean “{nearest}”? It has: {known}."
)


@dataclass(frozen=True, slots=True)
class Clock:
    """One destination. `waiting_since` is the oldest opt-out it does not know of, `waiting` how many it does not."""

    server: str
    exports: tuple[str, ...]
    waiting_since: datetime | None
    waiting: int
    longest: timedelta | None
    """The longest it took during the last thirty days; None when nobody opted out."""
    ceiling: timedelta | None
    now: datetime

    @property
    def age(self) -> timedelta | None:
        return self.now - self.waiting_since if self.waiting_since else None

    @property
    def is_late(self) -> bool:
        return self.age is not None and self.ceiling is not None and self.age > self.ceiling

    @property
    def longest_seconds(self) -> float | None:
        return self.longest.total_seconds() if self.longest is not None else None


def consent_of(project: Project) -> Consent | None:
    return Consent.from_values(project.consent)


def keep_consent(project: Project, consent: Consent | None) -> bool:
    """From now on opt-outs are told by that field; whether anything was different. Raises `DefinitionError`."""
    if consent is not None:
        _check(project, consent)
    written = consent.to_document() if consent else None
    if written == project.consent:
        return False
    before = consent_of(project)
    with transaction.atomic():
        if before is None or consent is None or (before.table, before.field) != (consent.table, consent.field):
            OptOuts.objects.filter(project=project).delete()
        project.consent = written
        project.save(update_fields=["consent"])
    return True


def note_opt_outs(project: Project, table: Table, catalogue: Catalogue, snapshot: int) -> None:
    """An import of `table` made `snapshot`: how many opted out with it is kept, where anybody did."""
    consent = consent_of(project)
    if consent is None or table.name != (consent.table or _contact_list(project)):
        return
    asked = OptOut(table.name, table.key, consent.field, consent.opted_out)
    count = count_opt_outs(catalogue.connection, asked, snapshot)
    if count:
        OptOuts.objects.get_or_create(project=project, snapshot=snapshot, defaults={"at": timezone.now(), "count": count})


def clocks(project: Project, now: datetime | None = None) -> list[Clock]:
    """One clock for each destination an active export carries opt-outs to, by name."""
    consent, moment = consent_of(project), now or timezone.now()
    if consent is None:
        return []
    ceiling = timedelta(hours=consent.ceiling_hours) if consent.ceiling_hours else None
    opt_outs = list(OptOuts.objects.filter(project=project, at__gt=moment - 3 * LOOKED_BACK).order_by("snapshot"))
    by_server: dict[str, list[Export]] = {}
    for export in carriers(project):
        by_server.setdefault(export.definition["destination"]["server"], []).append(export)
    return [_clock(server, exports, opt_outs, ceiling, moment) for server, exports in sorted(by_server.items())]


def carriers(project: Project) -> list[Export]:
    """The active exports whose files show who opted out."""
    consent = consent_of(project)
    if consent is None:
        return []
    contact_list = _contact_list(project)
    sql = dict(Query.objects.filter(project=project).values_list("name", "sql"))
    found = []
    for export in Export.objects.filter(project=project, state=ACTIVE).select_related("project").order_by("name"):
        definition = ExportDefinition.from_document(export.definition)
        if definition.destination and consent.carried_by(definition, contact_list, sql.get(definition.content.name or "", "")):
            found.append(export)
    return found


def look(now: datetime | None = None) -> int:
    """Tells of the destinations that do not know within the ceiling; returns how many exports were told of, once each."""
    moment, told = now or timezone.now(), 0
    for project in Project.objects.filter(consent__ceiling_hours__gt=0):
        late = {clock.server: clock for clock in clocks(project, moment) if clock.is_late}
        for export in carriers(project) if late else ():
            clock = late.get(export.definition["destination"]["server"])
            if clock is not None and clock.waiting_since is not None:
                told += _tell_once(export, clock, clock.waiting_since)
    return told


def _tell_once(export: Export, clock: Clock, since: datetime) -> bool:
    with transaction.atomic():
        Export.objects.select_for_update().get(id=export.id)
        if Notice.objects.filter(export=export, due_at=since, facts__has_key="opt_outs").exists():
            return False
        hours = round(clock.ceiling.total_seconds() / 3600) if clock.ceiling else 0
        tell_opt_outs(export, since, clock.waiting, hours)
        return True


def _clock(
    server: str, exports: Sequence[Export], opt_outs: Sequence[OptOuts], ceiling: timedelta | None, moment: datetime
) -> Clock:
    known = _deliveries(exports, opt_outs[0].snapshot) if opt_outs else []
    carried = {one.snapshot: _first_since(known, one.snapshot) for one in opt_outs}
    waiting = [one for one in opt_outs if carried[one.snapshot] is None]
    took = [
        max(at - one.at, timedelta(0))
        for one in opt_outs
        if (at := carried[one.snapshot]) is not None and at > moment - LOOKED_BACK
    ]
    return Clock(
        server=server,
        exports=tuple(export.name for export in exports),
        waiting_since=waiting[0].at if waiting else None,
        waiting=sum(one.count for one in waiting),
        longest=max(took, default=None),
        ceiling=ceiling,
        now=moment,
    )


def _deliveries(exports: Sequence[Export], snapshot: int) -> list[tuple[int, datetime]]:
    """(snapshot, moment) of the verified deliveries of files made of `snapshot` or later, the earliest first."""
    delivered = Run.objects.filter(export__in=exports, status="delivered", snapshot__gte=snapshot).exclude(verification="")
    rows = delivered.order_by("finished_at").values_list("snapshot", "finished_at")
    return [(read, at) for read, at in rows if read is not None and at is not None]


def _first_since(known: Sequence[tuple[int, datetime]], snapshot: int) -> datetime | None:
    return next((at for read, at in known if read >= snapshot), None)


def _contact_list(project: Project) -> str:
    return Table.objects.filter(project=project, is_contact_list=True).values_list("name", flat=True).first() or ""


def _check(project: Project, consent: Consent) -> None:
    tables: Mapping[str, list[str]] = dict(Table.objects.filter(project=project).values_list("name", "columns"))
    name = consent.table or _contact_list(project)
    if name not in tables:
        raise DefinitionError(NO_CONTACT_LIST, ("consent", "table"), value=name, known=sorted(tables))
    columns = tables[name]
    if columns and consent.field not in columns:
        near = nearest(consent.field, columns)
        raise DefinitionError(NO_FIELD, ("consent", "field"), table=name, value=consent.field, nearest=near, known=columns)
