"""Google BigQuery: rows into a table of a dataset.

The file is loaded into a staging table (its types pinned, its end of life set), counted there, and let go by one statement:
all rows or none, and the target keeps what its owner wrote on it. The statement is a job whose name derives from the order
alone: whoever asks for it again, after whatever failure, is told by BigQuery that it exists, and it is never done twice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from paquebot.delivery import bigquery_sql as sql
from paquebot.delivery import bigquery_target as target_table
from paquebot.delivery.base import Capabilities
from paquebot.delivery.bigquery_jobs import Jobs
from paquebot.delivery.bigquery_problems import DATASET_MISSING, EXTRA_MISSING, translated
from paquebot.delivery.bigquery_types import Field, field_name, fields_of, parquet
from paquebot.delivery.google_link import ACCOUNT_OPTIONS, ANSWER_SECONDS, check_address, key_of, signed_in
from paquebot.delivery.problems import NAME_TAKEN
from paquebot.delivery.tables import UPSERT, TableDestination, TableOrder
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import Blocks, Column, Rows
from paquebot.options import DefinitionError, Option, Path

if TYPE_CHECKING:
    from google.cloud import bigquery

BAD_PROJECT = Problem(
    "definition.bad_google_project",
    "{where}: “{value}” cannot be the identifier of a Google Cloud project.",
    "It has 6 to 30 small letters, digits and hyphens, and stands under the project's name in the console.",
)
BAD_DATASET = Problem(
    "definition.bad_dataset",
    "{where}: “{value}” cannot be the name of a dataset.",
    "A dataset has at most 100 letters, digits and underscores; the project stands apart.",
)
UNUSABLE_KEY = Problem(
    "delivery.unusable_key",
    "The rows for {place} cannot be told apart by {key}: {missing} of them have no complete key, and {repeated} keys repeat.",
    "Choose columns that are filled and different in every row; or replace or append in place of updating.",
)

_PROJECT = re.compile(r"[a-z][a-z0-9-]{4,28}[a-z0-9]|[a-z0-9.-]+:[a-z][a-z0-9-]{4,28}[a-z0-9]")
_DATASET = re.compile(r"\w{1,100}", re.ASCII)
_STAGING_LIFE = timedelta(days=2)

SCOPES = ("https://www.googleapis.com/auth/bigquery",)


def check_dataset(value: str, path: Path) -> None:
    """Raises `DefinitionError` unless `value` may be a dataset."""
    if not _DATASET.fullmatch(value):
        raise DefinitionError(BAD_DATASET, path, value=value)


def _check_project(value: str, path: Path) -> None:
    if not _PROJECT.fullmatch(value):
        raise DefinitionError(BAD_PROJECT, path, value=value)


class BigQueryDestination(TableDestination):
    """One dataset of one project, as one account."""

    NAME = "bigquery"
    OPTIONS = (
        Option(
            "project",
            "The identifier of the Google Cloud project that holds the data and pays.",
            label="Project",
            required=True,
            check=_check_project,
        ),
        Option(
            "dataset",
            "The dataset tables go to; an export may name another one. Its location is where everything happens.",
            label="Dataset",
            required=True,
            check=check_dataset,
        ),
        *ACCOUNT_OPTIONS,
        Option(
            "timeout_minutes",
            "How long one job may take before the attempt gives up.",
            "integer",
            default=60,
            least=1,
            most=360,
            tuning=True,
        ),
        Option(
            "endpoint",
            "Another address of the service, such as a Private Service Connect endpoint.",
            default="https://bigquery.googleapis.com",
            check=check_address,
        ),
    )
    CAPABILITIES = Capabilities(atomic_publish=True, read_back=False, keeps_rows=True)

    def __init__(self, options: Mapping[str, Any], order: TableOrder | None = None) -> None:
        super().__init__(options, order)
        self._project = options["project"]
        self._dataset = self.order.dataset or options["dataset"]
        self._account_name = "—"
        self._fields: tuple[Field, ...] = ()
        self._told: Mapping[str, Any] = {}
        self._location = ""
        self._client: Any = None
        self._jobs: Jobs

    def __enter__(self) -> Self:
        if find_spec("google.cloud") is None or find_spec("google.cloud.bigquery") is None:
            raise DeliveryError(EXTRA_MISSING)
        from google.cloud import bigquery

        with self._translated():
            session, self._account_name = signed_in(key_of(self.options), SCOPES)
            self._client = bigquery.Client(
                self._project,
                credentials=session.credentials,
                _http=session,
                client_options={"api_endpoint": self.options["endpoint"]},
            )
            self._location = self._find_dataset()
            self._jobs = Jobs(
                self._client, session, self.options["endpoint"], self._location, self.options["timeout_minutes"] * 60
            )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._client.close()

    @property
    def identity(self) -> Mapping[str, str]:
        return {"table": self.address, "location": self._location, "account": self._account_name}

    @property
    def address(self) -> str:
        return f"{self._project}.{self._dataset}.{self.order.table}"

    @property
    def account(self) -> Mapping[str, Any]:
        return self._told

    def write(self, rows: Rows) -> Blocks:
        self.expect([Column(field.name, str(field.type)) for field in rows.schema])
        return parquet(rows)

    def expect(self, columns: Sequence[Column]) -> None:
        self._fields = fields_of(columns)
        target_table.check(self.order, self._fields)

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        from google.api_core.exceptions import Conflict
        from google.cloud import bigquery

        staging = bigquery.Table(self._locate(path), [bigquery.SchemaField(field.name, field.type) for field in self._fields])
        staging.expires = datetime.now(UTC) + _STAGING_LIFE
        staging.labels = dict(self.order.labels)
        with self._translated():
            try:
                self._client.create_table(staging, retry=None, timeout=ANSWER_SECONDS)
            except Conflict as error:
                raise DeliveryError(NAME_TAKEN, place=f"{self._project}.{self._dataset}", path=path) from error
            job = self._jobs.load(self._load_job(staging), blocks, size_bytes)
        self._told = _load_account(job)
        return int(job.input_file_bytes or size_bytes)

    def size(self, path: str) -> int | None:
        from google.api_core.exceptions import NotFound

        with self._translated():
            try:
                return int(self._client.get_table(self._locate(path), retry=None, timeout=ANSWER_SECONDS).num_bytes or 0)
            except NotFound:
                return None

    def rows(self, path: str) -> int | None:
        """The answer of a query, which costs nothing: what a table says of itself may lag behind."""
        from google.api_core.exceptions import NotFound

        with self._translated():
            try:
                return int(self._jobs.answer(sql.count(self._locate(path)))[0])
            except NotFound:
                return None

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        """`replace` says nothing here: the order's mode does."""
        job, number = self._latest_publication()
        if job is None:
            staging = self._locate(temporary)
            if self.order.mode == UPSERT:
                self._refuse_unusable_keys(staging)
            with self._translated():
                names = target_table.made_ready(self._client, self.address, self.order, self._fields)
                statement = sql.statement(self.order.mode, self.address, staging, names, self._key_names())
                job = self._jobs.carried_out(statement, self._job_name(number), dict(self.order.labels))
        self._told = _statement_account(job, self.order.mode)

    def published(self) -> bool:
        return self._latest_publication()[0] is not None

    def remove(self, path: str) -> None:
        with self._translated():
            self._client.delete_table(self._locate(path), not_found_ok=True, retry=None, timeout=ANSWER_SECONDS)

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _latest_publication(self) -> tuple[Any, int]:
        """The job that published the order, or None and the number the next one gets: a job that failed did nothing, and its
        name is used up."""
        for number in count(1):
            with self._translated():
                job = self._jobs.known(self._job_name(number))
                if job is None or self._jobs.succeeded(job):
                    return job, number
        raise AssertionError("numbers do not end")

    def _job_name(self, number: int) -> str:
        act = hashlib.sha256("\n".join((self.order.mark, self.address, self.order.mode)).encode()).hexdigest()
        return f"paquebot_{act[:40]}_{number}"

    def _load_job(self, staging: bigquery.Table) -> dict[str, Any]:
        """Only into the staging table that was just made, and only while it is empty."""
        from google.cloud import bigquery

        settings = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.PARQUET,
            create_disposition=bigquery.CreateDisposition.CREATE_NEVER,
            write_disposition=bigquery.WriteDisposition.WRITE_EMPTY,
            schema=staging.schema,
            labels=dict(self.order.labels),
        ).to_api_repr()
        settings["load"]["destinationTable"] = staging.reference.to_api_repr()
        name = f"paquebot_load_{staging.table_id}_{hashlib.sha256(str(staging.reference).encode()).hexdigest()[:12]}"
        return {
            "jobReference": {"projectId": self._project, "jobId": name, "location": self._location},
            "configuration": settings,
        }

    # ── the rest ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _find_dataset(self) -> str:
        from google.api_core.exceptions import NotFound

        name = f"{self._project}.{self._dataset}"
        try:
            return str(self._client.get_dataset(name, retry=None, timeout=ANSWER_SECONDS).location)
        except NotFound as error:
            raise DeliveryError(
                DATASET_MISSING, dataset=self._dataset, project=self._project, account=self._account_name
            ) from error

    def _key_names(self) -> list[str]:
        return [field_name(column) for column in self.order.key]

    def _refuse_unusable_keys(self, staging: str) -> None:
        with self._translated():
            missing, repeated = self._jobs.answer(sql.unusable_keys(staging, self._key_names()))
        if missing or repeated:
            raise DeliveryError(UNUSABLE_KEY, place=self.address, key=self.order.key, missing=missing, repeated=repeated)

    def _locate(self, path: str) -> str:
        return path if "." in path else f"{self._project}.{self._dataset}.{path}"

    @contextmanager
    def _translated(self) -> Iterator[None]:
        place = self.address.rstrip(".")
        with translated(place, lambda: self._account_name, self.options["timeout_minutes"]):
            yield


def _load_account(job: Any) -> Mapping[str, Any]:
    statistics = job._properties.get("statistics", {})
    told = {"job": job.job_id, "loaded_rows": job.output_rows, "loaded_bytes": job.output_bytes}
    slot_ms = statistics.get("totalSlotMs")
    return _said({**told, "slot_ms": None if slot_ms is None else int(slot_ms)})


def _statement_account(job: Any, mode: str) -> Mapping[str, Any]:
    statistics = job.dml_stats
    return _said(
        {
            "job": job.job_id,
            "mode": mode,
            "rows_inserted": statistics.inserted_row_count if statistics else None,
            "rows_updated": statistics.updated_row_count if statistics else None,
            "rows_deleted": statistics.deleted_row_count if statistics else None,
            "bytes_processed": job.total_bytes_processed,
            "bytes_billed": job.total_bytes_billed,
            "slot_ms": job.slot_millis,
        }
    )


def _said(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in told.items() if value is not None}
