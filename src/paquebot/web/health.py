"""Is it alive, is it ready, how is it? For load balancers and monitors."""

from __future__ import annotations

import hmac
from functools import cache

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from paquebot.records import metrics
from paquebot.records.models import Machine
from paquebot.web.access import ANYBODY, seen_by

EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


@seen_by(ANYBODY)
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 while the application answers and reaches its database, 503 otherwise."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except DatabaseError:
        connection.close()
        return JsonResponse({"status": "failing", "database": "unreachable"}, status=503)
    return JsonResponse({"status": "ok", "database": "ok"})


@seen_by(ANYBODY)
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 once the pages can do their work: the database is reached and up to date. Tells besides who is at work."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1 from django_migrations where app = 'records' and name = %s", [_newest_migration()])
            is_current = cursor.fetchone() is not None
        alive = Machine.objects.filter(left_at=None, seen_at__gt=timezone.now() - metrics.SILENT_AFTER)
        kinds = set(alive.values_list("kind", flat=True))
    except DatabaseError:
        connection.close()
        return JsonResponse({"status": "failing", "database": "unreachable"}, status=503)
    told = {
        "status": "ready" if is_current else "failing",
        "database": "ok" if is_current else "not up to date",
        **{kind: "present" if kind in kinds else "absent" for kind in ("scheduler", "worker")},
    }
    return JsonResponse(told, status=200 if is_current else 503)


@seen_by(ANYBODY)
@require_safe
def measures(request: HttpRequest) -> HttpResponse:
    """For whoever holds the token of `PAQUEBOT_METRICS_TOKEN`; without one set, there is no such page."""
    token = settings.METRICS_TOKEN
    if not token:
        raise Http404
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    return HttpResponse(metrics.exposition(), content_type=EXPOSITION)


@cache
def _newest_migration() -> str:
    from django.db.migrations.loader import MigrationLoader

    ((_, name),) = MigrationLoader(None).graph.leaf_nodes("records")
    return str(name)
