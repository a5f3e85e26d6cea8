"""Django's settings. What depends on the installation (database, keys, folders) is filled in by `records.connection`."""

import os
from pathlib import Path
from urllib.parse import urlsplit

_PACKAGE = Path(__file__).resolve().parent.parent
_ADDRESS = urlsplit(os.environ.get("PAQUEBOT_URL", ""))
"""How people reach the pages, when an administrator says so: only then are cookies kept to HTTPS and other names refused."""

SECRET_KEY = "filled in by records.connection"  # noqa: S105  # never used as it stands
DEBUG = False
ALLOWED_HOSTS = [_ADDRESS.hostname, "localhost", "127.0.0.1", "[::1]"] if _ADDRESS.hostname else ["*"]
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "axes",
    "procrastinate.contrib.django",
    "paquebot.records",
]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 10},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PROCRASTINATE_ON_APP_READY = "paquebot.engine.queue.register"
PROCRASTINATE_AUTODISCOVER_MODULE_NAME = ""

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("fr", "Français")]
LANGUAGE_COOKIE_NAME = "paquebot_language"
LOCALE_PATHS = [_PACKAGE / "locale"]

ROOT_URLCONF = "paquebot.web.urls"
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "paquebot.web.headers.ContentSecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "paquebot.web.preferences.PreferencesMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "paquebot.web.access.AccessMiddleware",
    "axes.middleware.AxesMiddleware",
]
TEMPLATES: list[dict[str, object]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_PACKAGE / "web" / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
                "paquebot.web.frame.frame",
            ],
            "libraries": {"frame": "paquebot.web.tags.frame", "words": "paquebot.web.tags.words"},
            "builtins": ["paquebot.web.tags.words", "paquebot.web.tags.frame"],
        },
    }
]
STATIC_URL = "/static/"
STATIC_ROOT = _PACKAGE / "web" / "static"
WHITENOISE_MAX_AGE = 365 * 24 * 3600
"""Pages name files with their digest (`{% asset %}`), so that a changed file has another address."""

FILE_UPLOAD_TEMP_DIR = None
"""Filled in by records.connection."""
FILE_UPLOAD_HANDLERS = ["paquebot.web.uploading.LimitedUpload"]

AUTH_USER_MODEL = "records.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "home"
PASSWORD_RESET_TIMEOUT = 3600

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
"""Hours."""
AXES_USERNAME_FORM_FIELD = "username"
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_CALLABLE = "paquebot.web.people.signing_in.locked_out"
AXES_VERBOSE = False

SESSION_COOKIE_NAME = "paquebot_session"
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_NAME = "paquebot_csrf"
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = _ADDRESS.scheme == "https"
CSRF_TRUSTED_ORIGINS = [f"{_ADDRESS.scheme}://{_ADDRESS.netloc}"] if _ADDRESS.hostname else []
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

PAGES_URL = f"{_ADDRESS.scheme}://{_ADDRESS.netloc}" if _ADDRESS.hostname else ""
"""What links in messages begin with; without it, what an administrator confirmed with the mail server."""
METRICS_TOKEN = os.environ.get("PAQUEBOT_METRICS_TOKEN", "")
"""What a monitor shows to read `/metrics`; without it, nobody can."""
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = "filled in by records.connection"
DEFAULT_FROM_EMAIL = f"Paquebot <paquebot@{_ADDRESS.hostname or 'localhost'}>"
LOGGING_CONFIG = None
