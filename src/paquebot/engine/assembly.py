"""From a run's frozen definition to a plan with every plug-in built, secrets decrypted and names rendered."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from paquebot import criteria, pipeline, query_build
from paquebot.calculated import calculated_from
from paquebot.content.contract import ColumnContract
from paquebot.content.delta import ChangesOnly
from paquebot.content.fields import Obfuscation
from paquebot.content.gate import Gate
from paquebot.content.obfuscation.normalisation import Normalisation
from paquebot.content.obfuscation.treatment import Hashed, Masked, Removed, Treatment
from paquebot.credentials import Secret
from paquebot.delivery.base import Destination
from paquebot.delivery.tables import APPEND, TableDestination, TableOrder
from paquebot.engine.confirming import confirmation_of
from paquebot.engine.workplace import artifact_store
from paquebot.errors import ContentError, Problem
from paquebot.events import SealedArtifact
from paquebot.export import ExportDefinition, TableChoice
from paquebot.formats.base import Format
from paquebot.obfuscation_choice import REMOVE, FieldObfuscation
from paquebot.options import DefinitionError
from paquebot.packaging import naming
from paquebot.packaging.compression.base import Compression
from paquebot.packaging.encryption.base import Encryption
from paquebot.packaging_keys import NO_ZIP_PASSWORD, ZIP_PASSWORD
from paquebot.plan import Splitting
from paquebot.plugins import find
from paquebot.production_keys import NUMBER
from paquebot.records import changes, runs
from paquebot.records.connection import Records
from paquebot.records.contracts import BEGINNING, delivered_before, prior_columns, usual_rows
from paquebot.records.databases import opened
from paquebot.records.destinations import destination_of_run
from paquebot.records.keys import signing_key_of
from paquebot.records.lakes import current_snapshot, hmac_key
from paquebot.records.models import Project, Run
from paquebot.sources.base import Source
from paquebot.sources.building import Belonging
from paquebot.sources.selecting import Links
from paquebot.sources.selection import BuiltSelection, Order, QuerySelection, Selection, TableSelection

HMAC_KEY_GONE = Problem(
    "content.hmac_key_gone",
    "The project's obfuscation key of version {version} is no longer there.",
    "Run the export again: it will use the project's present key, and the digests will differ from earlier files.",
)


def assemble(records: Records, run: Run, scratch: Path) -> pipeline.Plan:
    """The plan of the run's present attempt, which works in the folder `scratch`.

    The first attempt leases and records the snapshot that all of them read.
    """
    frozen = run.definition
    definition = ExportDefinition.from_document(frozen["export"])
    zone = ZoneInfo(definition.schedule.timezone if definition.schedule else frozen["project"]["timezone"])
    named_after = str(frozen.get("named_after", run.id))
    counter = runs.place_among_runs(run.project, run.export_name, int(named_after))
    names = naming.values_of(definition.name, frozen["project"]["name"], named_after, run.scheduled_for, zone, counter)
    names |= naming.values_from(definition.content.group, definition.production)
    kept = runs.kept_artifact(run)
    destination = _destination(records, run, definition)
    format_ = format_of(definition, names)
    encryption = _encryption(records, run, scratch, fresh=kept is None)
    named = _Names(definition, names, encryption, destination.options.get(ZIP_PASSWORD.name))
    splitting = None if isinstance(destination, TableDestination) else named.splitting()
    folder = definition.destination.folder if definition.destination else ""
    return pipeline.Plan(
        token=run.token,
        attempt=run.attempt,
        source=_source(records, run, definition, run.scheduled_for.astimezone(zone), scratch),
        obfuscation=None if kept else obfuscation_of(records, run.project, definition, frozen["hmac_key_version"]),
        format=destination if isinstance(destination, TableDestination) else format_,
        compression=named.compression(),
        encryption=encryption,
        store=artifact_store(records),
        destination=destination,
        file_name=_file_name(kept, destination, named),
        folder=folder,
        replace=definition.production.if_exists == "replace",
        when_empty=definition.production.when_empty,
        two_step=definition.two_step,
        confirmation=confirmation_of(definition, run, names, encryption),
        started_at=run.started_at or run.created_at,
        twice=definition.production.twice,
        labels={} if isinstance(destination, TableDestination) else definition.file.options.get("labels", {}),
        checkpoint=pipeline.Checkpoint(
            kept, run.intended, run.verification or None, run.remote_path if run.intended else frozen.get("sent_as", "")
        ),
        splitting=splitting,
        numbered=named.numbered if definition.production.if_exists == NUMBER else None,
        same_again=run.trigger == "resend",
        ended=runs.ended_tokens,
        contract=None if kept else ColumnContract(definition.column_policy, prior_columns(run)),
        gate=_gate(definition, run, zone.key),
        released=run.released_at is not None,
        goes_on=partial(runs.goes_on, run.id),
        changes=None if kept else _changes(records, run, definition, scratch),
    )


def _changes(records: Records, run: Run, definition: ExportDefinition, scratch: Path) -> ChangesOnly | None:
    prior = changes.prior_of(run)
    if prior is None:
        return None
    return ChangesOnly(
        key=definition.production.key or tuple(run.definition["source"]["key"]),
        secret=_digest_key(records, run.project),
        prior=prior,
        keeper=artifact_store(records),
        name=f"{run.token}-{run.attempt}",
        scratch=scratch,
        complete=changes.why_complete(run),
        apart=definition.production.is_apart,
        column=definition.production.operation_column,
        words=definition.production.words,
    )


def _digest_key(records: Records, project: Project) -> Secret:
    """Derived from the first version of the project's key, which stays when the installation's own is renewed: digests made
    with another key would take every row for a new one."""
    key = hmac_key(records, project, 1)
    if key is None:
        raise ContentError(HMAC_KEY_GONE, version=1)
    return Secret(hmac.new(key.reveal().encode(), b"paquebot/changes", "sha256").hexdigest())


def _gate(definition: ExportDefinition, run: Run, timezone: str) -> Gate:
    rules = definition.hold
    if rules is None:
        return Gate()
    return Gate(
        rows_least=rules.rows_under,
        rows_most=rules.rows_over,
        rows_change=rules.rows_change,
        bytes_least=rules.bytes_under,
        bytes_most=rules.bytes_over,
        seconds_least=rules.seconds_under,
        empty=rules.empty_over or {},
        repeated=rules.repeated_over or {},
        usual_rows=usual_rows(run, timezone) if rules.rows_change is not None else None,
    )


def _source(records: Records, run: Run, definition: ExportDefinition, local: datetime, scratch: Path) -> Source:
    if run.snapshot is None and not run.project.is_outside:
        run.snapshot = current_snapshot(run.project)
        runs.lease(run, run.snapshot)
    selection = selection_of(run.definition["source"], definition, local, delivered_before(run))
    return opened(records, run.project, selection, scratch=scratch, snapshot=run.snapshot)


def selection_of(
    source: Mapping[str, Any], definition: ExportDefinition, local: datetime, since: datetime = BEGINNING
) -> Selection:
    """What is read, from the source as a run freezes it; `local` is the scheduled time on the export's clock, `since` the
    instant of the delivery before."""
    order: Order = "none" if definition.production.order == "none" else "key"
    calculated = calculated_from(source.get("calculated"))
    if "build" in source:
        belonging, build = Belonging(**source["belonging"]), query_build.from_document(source["build"])
        return BuiltSelection(build, belonging, local.date(), order, calculated, since)
    if source["kind"] == "query":
        return QuerySelection(source["sql"], {"run_date": local.date(), "since": since}, order=order, calculated=calculated)
    where, fields = source.get("where"), source["fields"]
    return TableSelection(
        source["name"],
        None if fields is None else tuple(fields),
        order=order,
        key=tuple(source["key"]),
        where=criteria.from_document(where) if where else None,
        links=Links(source["key"][0], source["links"]) if where else None,
        run_date=local.date(),
        first=tuple(source.get("first", ())),
        calculated=calculated,
    )


def _destination(records: Records, run: Run, definition: ExportDefinition) -> Destination:
    destination = destination_of_run(records, run)
    if isinstance(destination, TableDestination) and definition.destination and definition.destination.table:
        return destination.aimed(_order(run, definition.destination.table))
    return destination


def _order(run: Run, table: TableChoice) -> TableOrder:
    """Appended rows are those of the first run that sent them, so that sending them again appends nothing; what is replaced or
    updated may be so again."""
    mark = run.definition.get("first_token", run.token) if table.mode == APPEND else run.token
    return TableOrder(
        table=table.name,
        mark=mark,
        dataset=table.dataset,
        mode=table.mode,
        key=table.key or tuple(run.definition["source"].get("key", ())),
        new_columns=table.new_columns,
        partition_by=table.partition_by,
        partition_unit=table.partition_unit,
        cluster_by=table.cluster_by,
        labels=dict(label.split(":", 1) for label in table.labels),
    )


def _file_name(kept: SealedArtifact | None, destination: Destination, named: _Names) -> str:
    """The name the file gets; where rows arrive, their table's."""
    if kept:
        return kept.file_name
    return destination.address if isinstance(destination, TableDestination) else named.full()


def format_of(definition: ExportDefinition, names: Mapping[str, naming.Value]) -> Format:
    """The format with its options; `names` fills its first and last record."""
    options = dict(definition.file.options)
    for name in ("header_record", "trailer_record"):
        if options.get(name):
            options[name] = naming.record(options[name], names)
    built: Format = find("formats", definition.file.format)(options)
    return built


def obfuscation_of(records: Records, project: Project, definition: ExportDefinition, version: int | None) -> Obfuscation | None:
    """The obfuscation the definition asks for, with the project's key of that version."""
    chosen = definition.obfuscation
    if chosen is None:
        return None
    key = hmac_key(records, project, version) if chosen.uses_key else None
    if key is None and chosen.uses_key:
        raise ContentError(HMAC_KEY_GONE, version=version)
    fields = {field: treatment_of(how) for field, how in chosen.fields.items()}
    return Obfuscation(find("obfuscations", chosen.algorithm), fields, key)


def treatment_of(how: FieldObfuscation) -> Treatment:
    """What is done to a field's values."""
    if how.treatment == REMOVE:
        return Removed()
    normalisation = Normalisation(how.normalise, how.region)
    return Hashed(normalisation) if how.shown is None else Masked(how.shown, normalisation)


class _Names:
    """What the files of a run are called, and how each is compressed: a ZIP file names what is in it."""

    def __init__(
        self, definition: ExportDefinition, values: Mapping[str, Any], encryption: Encryption | None, password: Secret | None
    ) -> None:
        self._definition, self._values, self._encryption, self._password = definition, values, encryption, password
        self._stem = self._rendered(definition.file.name, "", 1)

    def full(self, stem: str = "") -> str:
        parts = (part for part in (format_of(self._definition, self._values), self.compression()) if part)
        extensions = [*(part.EXTENSION for part in parts), self._encryption.extension if self._encryption else ""]
        return naming.full_name(stem or self._stem, *extensions, chosen=self._definition.file.extension)

    def numbered(self, name: str, number: int) -> str:
        """`name` with the number before its extensions."""
        extensions = self.full("x").removeprefix("x")
        return f"{name.removesuffix(extensions)}-{number}{extensions}"

    def splitting(self) -> Splitting | None:
        chosen = self._definition.production
        if not (chosen.is_cut or chosen.is_apart):
            return None
        name = self._definition.file.name
        return Splitting(
            lambda operation, part: self.full(self._rendered(name, operation, part)),
            self.compression,
            chosen.rows_per_part,
            chosen.bytes_per_part,
            lambda operation, part: format_of(self._definition, self._told(operation, part)),
        )

    def compression(self, operation: str = "", part: int = 1) -> Compression | None:
        definition = self._definition
        if definition.compression == "none":
            return None
        options: dict[str, Any] = {}
        if definition.compression_level is not None:
            options["level"] = definition.compression_level
        if definition.compression == "zip":
            options["inner_name"] = self._inner(operation, part)
            options["password"] = self._zip_password()
        built: Compression = find("compressions", definition.compression)(options)
        return built

    def _zip_password(self) -> Secret | None:
        """A file that was to be closed never leaves open, whatever became of its destination."""
        if not self._definition.zip_locked:
            return None
        if self._password is None:
            server = self._definition.destination.server if self._definition.destination else "–"
            raise DefinitionError(NO_ZIP_PASSWORD, ("zip_locked",), server=server)
        return self._password

    def _inner(self, operation: str, part: int) -> str:
        if self._definition.zip_name:
            return self._rendered(self._definition.zip_name, operation, part)
        return self._rendered(self._definition.file.name, operation, part) + format_of(self._definition, self._values).EXTENSION

    def _rendered(self, template: str, operation: str, part: int) -> str:
        chosen = self._definition.production
        template = naming.told_apart(template, by_operation=chosen.is_apart, by_part=chosen.is_cut)
        return naming.render(template, self._told(operation, part))

    def _told(self, operation: str, part: int) -> dict[str, Any]:
        """What the variables stand for in one of several files."""
        word = self._definition.production.words[operation] if operation else self._values[naming.OPERATION]
        return {**self._values, naming.OPERATION: word, naming.PART: part}


def _encryption(records: Records, run: Run, scratch: Path, *, fresh: bool) -> Encryption | None:
    """What was sealed before needs no private key again."""
    frozen = run.definition
    keys, own = frozen["encryption_keys"], frozen.get("signing_key")
    if not keys:
        return None
    armour = frozen["export"].get("encryption", {}).get("armour", False)
    signing = signing_key_of(records, run.project, own) if own and fresh else None
    options = {"keys": [key["public_text"] for key in keys], "armour": armour, "scratch": str(scratch), "signing": signing}
    built: Encryption = find("encryptions", keys[0]["kind"])(options)
    return built
