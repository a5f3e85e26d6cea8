"""Language and theme: a person's own where they chose, otherwise the browser's; and how dense lists are.

A choice is kept in a cookie and, once signed in, on the person; density in the cookie alone.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from paquebot.language import LANGUAGES
from paquebot.records.alerts.digest import DIGEST_WORDS
from paquebot.records.models import User
from paquebot.web.access import ANYBODY, seen_by

THEME_COOKIE = "paquebot_theme"
DENSITY_COOKIE = "paquebot_density"
DENSITIES = ("comfortable", "compact")
THEMES = ("light", "dark", "")
"""The empty one is the system's."""
A_YEAR_SECONDS = 365 * 24 * 3600


class PreferencesMiddleware:
    """Every page in the person's language."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        language = language_of(request)
        with translation.override(language):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        patch_vary_headers(response, ("Accept-Language", "Cookie"))
        return response


def language_of(request: HttpRequest) -> str:
    """The person's choice, then the cookie's, then the browser's."""
    chosen = request.user.language if request.user.is_authenticated else ""
    return chosen or translation.get_language_from_request(request)


def theme_of(request: HttpRequest) -> str:
    """`light`, `dark` or, for the system's, empty."""
    chosen = request.user.theme if request.user.is_authenticated else request.COOKIES.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


def density_of(request: HttpRequest) -> str:
    """How close the lines of lists stand: what was chosen in this browser, whoever uses it, fits its screen."""
    chosen = request.COOKIES.get(DENSITY_COOKIE, "")
    return chosen if chosen in DENSITIES else DENSITIES[0]


@seen_by(ANYBODY)
@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Keeps the chosen language, theme, density or rhythm of e-mails and goes back to the page."""
    back = request.POST.get("next", "")
    response = redirect(back if url_has_allowed_host_and_scheme(back, {request.get_host()}) else "home")
    language, theme = request.POST.get("language"), request.POST.get("theme")
    if language in LANGUAGES:
        _keep(request, response, settings.LANGUAGE_COOKIE_NAME, "language", language)
    if theme in THEMES:
        _keep(request, response, THEME_COOKIE, "theme", theme)
    if request.POST.get("density") in DENSITIES:
        _keep_cookie(response, DENSITY_COOKIE, request.POST["density"])
    if request.POST.get("digest") in DIGEST_WORDS and request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(digest=request.POST["digest"])
    return response


def _keep(request: HttpRequest, response: HttpResponse, cookie: str, name: str, value: str) -> None:
    _keep_cookie(response, cookie, value)
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(**{name: value})


def _keep_cookie(response: HttpResponse, cookie: str, value: str) -> None:
    secure = settings.SESSION_COOKIE_SECURE
    response.set_cookie(cookie, value, max_age=A_YEAR_SECONDS, samesite="Lax", httponly=True, secure=secure)
