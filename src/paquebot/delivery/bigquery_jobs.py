"""BigQuery's jobs: begun under a name of ours, waited for, found again; and the upload that begins a load job.

A job's name is free once and for ever: asking for it again finds the job that has it, whatever became of it. Google's own
errors come out of here; whoever calls translates them. Nothing is retried but looking after a job that goes on anyway.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from paquebot.delivery.google_link import ANSWER_SECONDS

_CHUNK_BYTES = 8 << 20
_CONTENT_TYPE = "application/octet-stream"
_POLLING_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs of one project in one location, asked for by `client` over `session`."""

    client: Any
    session: Any
    endpoint: str
    location: str
    timeout_seconds: int

    def known(self, name: str) -> Any:
        """The job of that name, or None."""
        from google.api_core.exceptions import NotFound

        try:
            return self.client.get_job(name, location=self.location, retry=None, timeout=ANSWER_SECONDS)
        except NotFound:
            return None

    def succeeded(self, job: Any) -> bool:
        """Waits for the end of a job, and tells whether it did what it was for."""
        from google.api_core.exceptions import GoogleAPICallError

        try:
            self._finished(job)
        except GoogleAPICallError:
            if job.error_result is None:
                raise
        return job.error_result is None

    def carried_out(self, statement: str, name: str, labels: Mapping[str, str]) -> Any:
        """The finished job of that name: this one, or the one somebody else began under it."""
        from google.api_core.exceptions import Conflict
        from google.cloud import bigquery

        settings = bigquery.QueryJobConfig(labels=dict(labels), use_legacy_sql=False)
        try:
            job = self._asked(statement, settings, name)
        except Conflict:
            job = self.known(name)
        return self._finished(job)

    def answer(self, statement: str) -> Sequence[Any]:
        """The one row that answers a question."""
        from google.cloud import bigquery

        job = self._asked(statement, bigquery.QueryJobConfig(use_legacy_sql=False), None)
        values: Sequence[Any] = next(iter(self._result(job))).values()
        return values

    def load(self, order: Mapping[str, Any], blocks: Iterable[bytes], size_bytes: int) -> Any:
        """The finished load job that `order` (a job resource with its name) describes, fed with a file of `size_bytes`."""
        from google.api_core.exceptions import Conflict

        try:
            job = self.client.job_from_resource(self._upload(order, blocks, size_bytes))
        except Conflict:
            job = self.known(order["jobReference"]["jobId"])
        return self._finished(job)

    def _asked(self, statement: str, settings: Any, name: str | None) -> Any:
        from google.cloud import bigquery

        return self.client.query(
            statement,
            settings,
            job_id=name,
            location=self.location,
            retry=None,
            job_retry=None,
            timeout=ANSWER_SECONDS,
            api_method=bigquery.enums.QueryApiMethod.INSERT,
        )

    def _finished(self, job: Any) -> Any:
        self._result(job)
        return job

    def _result(self, job: Any) -> Any:
        from google.cloud.bigquery import DEFAULT_RETRY

        more = {"job_retry": None} if job.job_type == "query" else {}
        return job.result(retry=DEFAULT_RETRY.with_timeout(_POLLING_SECONDS), timeout=self.timeout_seconds, **more)

    def _upload(self, order: Mapping[str, Any], blocks: Iterable[bytes], size_bytes: int) -> dict[str, Any]:
        """Google's resumable protocol, chunk by chunk in bounded memory; the load job begins with the last one.

        Source: https://cloud.google.com/bigquery/docs/reference/api-uploads
        """
        project = order["jobReference"]["projectId"]
        begun = self.session.post(
            f"{self.endpoint.rstrip('/')}/upload/bigquery/v2/projects/{project}/jobs?uploadType=resumable",
            data=json.dumps(order),
            headers={
                "Content-Type": "application/json; charset=UTF-8",
                "X-Upload-Content-Type": _CONTENT_TYPE,
                "X-Upload-Content-Length": str(size_bytes),
            },
            timeout=ANSWER_SECONDS,
        )
        _require(begun, 200)
        sent, answer = 0, begun
        for chunk in _chunks(blocks, _CHUNK_BYTES):
            covered = f"bytes {sent}-{sent + len(chunk) - 1}/{size_bytes}"
            sent += len(chunk)
            answer = self.session.put(
                begun.headers["Location"],
                chunk,
                headers={"Content-Type": _CONTENT_TYPE, "Content-Range": covered},
                timeout=ANSWER_SECONDS,
                allow_redirects=False,
            )
            _require(answer, *((200, 201) if sent == size_bytes else (308,)))
        resource: dict[str, Any] = answer.json()
        return resource


def _chunks(blocks: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    held = bytearray()
    for block in blocks:
        held += block
        while len(held) >= size_bytes:
            yield bytes(held[:size_bytes])
            del held[:size_bytes]
    if held:
        yield bytes(held)


def _require(answer: Any, *statuses: int) -> None:
    from google.api_core import exceptions

    if answer.status_code not in statuses:
        raise exceptions.from_http_response(answer)  # type: ignore[no-untyped-call]  # Google leaves it untyped
