"""Built queries beside the tables of a project: looked into, checked, and told as SQL."""

from __future__ import annotations

from django.utils import timezone

from paquebot.criteria import NUMBER
from paquebot.query_build import QueryBuild
from paquebot.records.belonging import belonging_of
from paquebot.records.connection import Records
from paquebot.records.databases import opened, prepare, written_build
from paquebot.records.models import Project
from paquebot.records.reading import LIMITS, SAMPLE_ROWS, Answer, answer
from paquebot.records.tables import tables_of
from paquebot.sources.base import DescribedSource
from paquebot.sources.building import Belonging
from paquebot.sources.selection import BuiltSelection

_NUMBERS = {"integer": NUMBER, "decimal": NUMBER}


def ask_build(records: Records, project: Project, build: QueryBuild) -> Answer:
    """Counts all rows and keeps the first. Raises `SourceError` and `CommandError` of what is wrong."""
    return answer(_source(records, project, build), SAMPLE_ROWS)


def check_build(records: Records, project: Project, build: QueryBuild, belonging: Belonging | None = None) -> tuple[str, ...]:
    """Binds the query to the project's tables and gives its columns; nothing is read. `belonging` is what will be declared,
    where that is not what is. Raises as `ask_build` does."""
    return _source(records, project, build, belonging).columns()


def sql_of(project: Project, build: QueryBuild, belonging: Belonging | None = None) -> str:
    """What it comes to, with every value in it: for reading, and for going on in SQL. Raises as `ask_build` does."""
    return written_build(project, build, kinds_of(project), belonging or belonging_of(project))


def kinds_of(project: Project) -> dict[str, dict[str, str]]:
    """By table and field: the kind by which criteria ask about it."""
    return {
        facts.table.name: {field.name: _NUMBERS.get(field.kind, field.kind) for field in facts.fields}
        for facts in tables_of(project)
    }


def _source(records: Records, project: Project, build: QueryBuild, belonging: Belonging | None = None) -> DescribedSource:
    prepare(records, project)
    selection = BuiltSelection(build, belonging or belonging_of(project), timezone.localdate(), order="none")
    return opened(records, project, selection, LIMITS)
