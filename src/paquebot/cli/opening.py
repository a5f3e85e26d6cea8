"""What commands share: opening the installation and finding the project they are about."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from paquebot.errors import CommandError, Problem
from paquebot.records.connection import Records, open_records

if TYPE_CHECKING:
    from paquebot.records.models import Project

OTHER_PROJECT = Problem(
    "project.other",
    "{file} describes the project “{named}”, not “{asked}”.",
    "Leave --project out, or name the file of that project.",
)


@contextmanager
def installation() -> Iterator[Records]:
    """The installation of PAQUEBOT_HOME, open for the length of the block; warnings go to standard error."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    with open_records() as records:
        yield records


@contextmanager
def service(*, wait: bool = False) -> Iterator[Records]:
    """The installation for a command that goes on until it is stopped, and says in its log what it does."""
    with open_records(wait=wait) as records:
        from paquebot.engine.logs import log_to_standard_error

        log_to_standard_error()
        yield records


def require_project(arguments: argparse.Namespace, named: str) -> None:
    """Raises `CommandError` when `--project` is said and is not the project the file describes."""
    if arguments.project not in (None, named):
        raise CommandError(OTHER_PROJECT, file=arguments.file, named=named, asked=arguments.project)


def project_of(arguments: argparse.Namespace) -> Project:
    """The project `--project` names, or the only one there is. Raises `CommandError` listing the known ones."""
    from paquebot.records.selectors import find_project

    return find_project(arguments.project)
