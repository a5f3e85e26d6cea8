"""A MySQL (8.0 or newer) or a MariaDB (10.6 or newer) as a project's database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from paquebot.errors import Problem, SourceError
from paquebot.options import Option
from paquebot.sources.base import DescribedSource
from paquebot.sources.outside import mysql_selecting as selecting
from paquebot.sources.outside.base import EXAMINATION_SECONDS, Database, OutsideTable, Step, examined
from paquebot.sources.outside.mysql_sql import identifier
from paquebot.sources.outside.mysql_types import AS_TEXT, EMPTY, REFUSE
from paquebot.sources.outside.network import network_options, place_of
from paquebot.sources.outside.problems import MAY_WRITE, NOT_INSTALLED
from paquebot.sources.selection import BuiltSelection, Limits, QuerySelection, Selection, TableSelection

if TYPE_CHECKING:
    from paquebot.sources.outside.mysql_link import Link

_ZERO_DATES = Option(
    "zero_dates",
    "How dates that are none leave, such as 0000-00-00.",
    default=REFUSE,
    choices=(REFUSE, AS_TEXT, EMPTY),
    choice_labels=(
        "Not at all: the run stops and names the column",
        "As they are: all dates and times leave as text",
        "Empty",
    ),
)
_READS = re.compile(
    r"GRANT (?:USAGE|SELECT|SHOW VIEW|SHOW DATABASES|PROCESS|REFERENCES|[\s,]|\((?:`(?:[^`]|``)*`[\s,]*)*\))+ ON "
)
_OF_A_ROLE = re.compile(r"(GRANT `|SET DEFAULT ROLE |GRANT .* TO .* WITH ADMIN OPTION)")


class MysqlDatabase(Database):
    NAME = "mysql"
    LABEL = "MySQL"
    WRITING = selecting.MysqlWriting
    OPTIONS: ClassVar = (*network_options(3306), _ZERO_DATES)

    @property
    def place(self) -> str:
        return place_of(self.options)

    def tables(self) -> tuple[OutsideTable, ...]:
        with self._link() as link:
            found = _tables(link)
            return tuple(found[name] for name in sorted(found))

    def source(self, selection: Selection, limits: Limits) -> DescribedSource:
        self._require_driver()
        from paquebot.sources.outside.mysql_reading import MysqlSource

        return MysqlSource(self.options, selection, limits)

    def check(self, selection: TableSelection) -> None:
        with self._link() as link:
            link.describe(selecting.statement(selection, link))

    def statement(self, selection: Selection) -> tuple[str, Mapping[str, Any]]:
        if isinstance(selection, QuerySelection):
            return selection.sql, selection.named()
        with self._link() as link:
            if isinstance(selection, BuiltSelection):
                selection = replace(selection, calculated=())
            asked = selecting.statement(selection, link)
        return asked.sql, asked.values

    @staticmethod
    def quoted(name: str) -> str:
        return identifier(name)

    def examine(self) -> list[Step]:
        link = self._link()
        try:
            return examined(
                ("sign_in", link.__enter__),
                ("tables", lambda: _tables(link) and None),
                ("rights", lambda: _rights(link)),
            )
        finally:
            link.close()

    def _link(self) -> Link:
        self._require_driver()
        from paquebot.sources.outside.mysql_link import Link

        return Link(self.options, min(EXAMINATION_SECONDS, self.options["statement_timeout_seconds"]))

    def _require_driver(self) -> None:
        try:
            import pymysql  # noqa: F401 - whether it is there
        except ModuleNotFoundError as error:
            raise SourceError(NOT_INSTALLED, kind=self.LABEL, extra="mysql") from error


class MariadbDatabase(MysqlDatabase):
    NAME = "mariadb"
    LABEL = "MariaDB"


def _tables(link: Link) -> dict[str, OutsideTable]:
    from paquebot.sources.outside.mysql_tables import tables_of

    return tables_of(link)


def _rights(link: Link) -> Problem | None:
    """Whatever is granted beyond reading; being a member of a role is told with what the role may do."""
    granted = [line for (line, *_) in link.ask("SHOW GRANTS") if not _OF_A_ROLE.match(line)]
    return None if all(_READS.match(line) for line in granted) else MAY_WRITE
