"""What can go wrong at BigQuery, and how its answers are told apart: by HTTP status and by the `reason` of its error objects.

Its own messages are never passed on: they may quote values. Source: https://cloud.google.com/bigquery/docs/error-messages
"""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from paquebot.delivery.google_link import CREDENTIALS_REFUSED, NO_AMBIENT_CREDENTIALS
from paquebot.delivery.problems import UNREACHABLE
from paquebot.errors import DeliveryError, Problem

EXTRA_MISSING = Problem(
    "delivery.extra_missing",
    "This installation cannot speak to BigQuery: Google's client is not installed.",
    "Install it beside Paquebot: pip install “paquebot[bigquery]”.",
)
DATASET_MISSING = Problem(
    "delivery.dataset_missing",
    "There is no dataset {dataset} in the project {project}, or {account} may not see it.",
    "Create the dataset, correct its name, or give the account the role BigQuery Data Editor on it.",
)
NOT_FOUND = Problem(
    "delivery.table_gone",
    "{place} was not found any more.",
    "Somebody removed a table or the dataset meanwhile. Trying again is usually enough.",
    retryable=True,
)
NOT_PERMITTED = Problem(
    "delivery.not_permitted",
    "{account} may not do this in {place}.",
    "It needs the roles BigQuery Data Editor on the dataset and BigQuery Job User on the project.",
)
BILLING = Problem(
    "delivery.billing",
    "Google carries out no such job for {place} without billing.",
    "Enable billing for the project, or raise its limit; the free sandbox cannot change tables.",
)
QUOTA = Problem(
    "delivery.quota",
    "{place} has reached a limit of BigQuery ({reason}).",
    "Short limits pass within minutes. Otherwise look at the quotas of the project, or run the export less often.",
    retryable=True,
)
RESOURCES = Problem(
    "delivery.resources",
    "BigQuery could not finish the job for {place} with what it was given ({reason}).",
    "Export fewer rows at a time, or give the project more capacity.",
)
UNAVAILABLE = Problem(
    "delivery.unavailable",
    "BigQuery had a failure of its own while working for {place} ({reason}).",
    "Nothing is loaded twice: trying again is usually enough.",
    retryable=True,
)
TOO_SLOW = Problem(
    "delivery.job_too_slow",
    "The job for {place} did not end within {minutes} minutes.",
    "It goes on at Google; the next attempt waits for it again. A larger limit stands among the options of the destination.",
    retryable=True,
)
STOPPED = Problem(
    "delivery.job_stopped",
    "Somebody stopped the job for {place} at Google.",
    "Run the export again when it may go on.",
)
REFUSED = Problem(
    "delivery.rows_refused",
    "BigQuery refused the rows for {place} ({reason}).",
    "Compare the table with the export. The console of Google Cloud says more: our jobs there begin with “paquebot_”.",
)

_REASONS: Mapping[str, Problem] = {
    **dict.fromkeys(("accessDenied", "blocked"), NOT_PERMITTED),
    **dict.fromkeys(("billingNotEnabled", "billingTierLimitExceeded"), BILLING),
    **dict.fromkeys(("quotaExceeded", "rateLimitExceeded", "jobRateLimitExceeded"), QUOTA),
    **dict.fromkeys(("resourcesExceeded", "responseTooLarge"), RESOURCES),
    **dict.fromkeys(
        (
            "backendError",
            "internalError",
            "jobBackendError",
            "jobInternalError",
            "resourceInUse",
            "tableUnavailable",
            "timeout",
        ),
        UNAVAILABLE,
    ),
    "notFound": NOT_FOUND,
    "stopped": STOPPED,
}
_STATUSES: Mapping[int, Problem] = {401: CREDENTIALS_REFUSED, 403: NOT_PERMITTED, 404: NOT_FOUND, 429: QUOTA}


@contextmanager
def translated(place: str, account: Callable[[], str], minutes: int) -> Iterator[None]:
    """Google's errors as ours. `place` is who was spoken to; `account` tells as whom, once that is known."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
    from requests.exceptions import RequestException

    try:
        yield
    except GoogleAPICallError as error:
        raise _told(error, place, account()) from error
    except DefaultCredentialsError as error:
        raise DeliveryError(NO_AMBIENT_CREDENTIALS) from error
    except RefreshError as error:
        raise DeliveryError(CREDENTIALS_REFUSED, account=account()) from error
    except (concurrent.futures.TimeoutError, TimeoutError) as error:
        raise DeliveryError(TOO_SLOW, place=place, minutes=minutes) from error
    except (TransportError, RequestException, OSError) as error:
        raise DeliveryError(UNREACHABLE, place=place) from error


def _reason(error: BaseException) -> str:
    """The `reason` of Google's error object; its HTTP status where there is none."""
    for told in getattr(error, "errors", None) or ():
        if isinstance(told, Mapping) and told.get("reason"):
            return str(told["reason"])
    return str(getattr(error, "code", None) or type(error).__name__)


def _told(error: BaseException, place: str, account: str) -> DeliveryError:
    reason, status = _reason(error), int(getattr(error, "code", None) or 0)
    problem = _REASONS.get(reason) or _STATUSES.get(status) or (UNAVAILABLE if status >= 500 else REFUSED)
    return DeliveryError(problem, place=place, account=account, reason=reason)
