"""Writes the migration that brings the schema to what the models say: `.venv/bin/python scripts/make_migrations.py NAME`."""

import sys
import tempfile
from pathlib import Path

from django.core.management import call_command

from paquebot.records.connection import open_records
from paquebot.records.home import Home

with tempfile.TemporaryDirectory(prefix="pq") as folder, open_records(Home(Path(folder), ()), migrate=False, wait=True):
    call_command("makemigrations", "records", name=sys.argv[1])
