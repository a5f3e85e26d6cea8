"""The Django application that holds the records."""

from django.apps import AppConfig


class RecordsConfig(AppConfig):
    name = "paquebot.records"
    label = "records"
    default_auto_field = "django.db.models.BigAutoField"
