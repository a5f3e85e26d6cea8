"""A folder of CSV and Parquet files as a project's database, read by a child process that sees nothing but these files
(`folder_child.py`) and speaks DuckDB's SQL."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from paquebot import criteria
from paquebot.errors import SourceError
from paquebot.flow import Rows
from paquebot.language import translatable
from paquebot.options import Option
from paquebot.sources.base import DescribedSource
from paquebot.sources.building import WritingCompiler, bound
from paquebot.sources.lake.csv_file import FILE_UNSETTLED, CsvFile
from paquebot.sources.lake.duck import identifier
from paquebot.sources.lake.reading import BATCH_ROWS, added_around, as_json, columns_of, parameters_used
from paquebot.sources.lake.statement import CheckedStatement, check
from paquebot.sources.lake.tables import kind_of
from paquebot.sources.lake.wall import Wall
from paquebot.sources.outside.base import (
    EXAMINATION_SECONDS,
    STATEMENT_TIMEOUT,
    Database,
    OutsideColumn,
    OutsideTable,
    Step,
    child_limits,
    examined,
)
from paquebot.sources.outside.choosing import chosen, kinds_of
from paquebot.sources.outside.folder_child import PROBLEMS
from paquebot.sources.outside.folder_files import SEPARATORS, FileTable, Mark, as_job, mark, refuse_changes, tables_in, told
from paquebot.sources.selecting import Compiler, Links
from paquebot.sources.selection import BuiltSelection, Limits, QuerySelection, Selection, TableSelection

if TYPE_CHECKING:
    import pyarrow as pa


class FolderDatabase(Database):
    NAME = "folder"
    LABEL = translatable("Folder of files")
    WRITING = WritingCompiler
    ON_THIS_MACHINE = True
    OPTIONS: ClassVar = (
        Option("path", "The folder; a relative path starts at the first allowed folder.", label="Folder", required=True),
        Option(
            "separator",
            "What separates the fields of CSV files.",
            default="auto",
            choices=tuple(SEPARATORS),
            choice_labels=("Told from the first line of each file", "Comma", "Semicolon", "Tab"),
            label="Separator",
        ),
        STATEMENT_TIMEOUT,
    )

    @property
    def place(self) -> str:
        return str(self.options["path"])

    def tables(self) -> tuple[OutsideTable, ...]:
        return tuple(self.described(tables_in(Path(self.place)).values()).values())

    def described(self, tables: Iterable[FileTable]) -> dict[str, OutsideTable]:
        """The tables with their columns, by name."""
        with Reading(self, tables) as reading:
            limits = child_limits(Limits(timeout_seconds=EXAMINATION_SECONDS))
            reading.wall.give({**reading.job, "limits": limits, "fields": []})
            found = reading.wall.answer()["tables"]
        return {
            name: OutsideTable(name, tuple(OutsideColumn(field, kind, kind_of(kind)) for field, kind in columns), (), None)
            for name, columns in found.items()
        }

    def source(self, selection: Selection, limits: Limits) -> FolderSource:
        return FolderSource(self, selection, limits)

    def check(self, selection: TableSelection) -> None:
        self.source(selection, Limits(timeout_seconds=EXAMINATION_SECONDS)).check()

    def statement(self, selection: Selection) -> tuple[str, Mapping[str, Any]]:
        if isinstance(selection, QuerySelection):
            return selection.sql, selection.named()
        return self.select(selection, tables_in(Path(self.place)))

    def select(
        self, selection: TableSelection | BuiltSelection, there: Mapping[str, FileTable]
    ) -> tuple[str, Mapping[str, Any]]:
        """The statement for `selection`, of the tables that are there, and what it binds."""
        if isinstance(selection, BuiltSelection):
            tables = self._looked_into({*selection.build.tables, *_linked(selection.build.where)}, there)
            built = bound(selection.build, kinds_of(tables), selection.belonging, selection.run_date, identifier)
            return built.sql, built.values
        links = selection.links or Links("")
        tables = self._looked_into({selection.table, *_linked(selection.where)}, there)
        found = chosen(selection, tables, self.place)
        compiler = Compiler(selection.table, kinds_of(tables), links, selection.run_date, identifier, members=selection.members)
        where = f" where {compiler.condition(selection.where)}" if selection.where is not None else ""
        order = f" order by {', '.join(map(identifier, found.key))}" if found.key else ""
        columns = columns_of(found.fields, selection.calculated, [column.name for column in found.table.columns])
        given = {"run_date": selection.run_date} if selection.calculated else {}
        sql = f"select {columns} from {identifier(found.table.name)}{where}{order}"  # noqa: S608 — names are quoted
        return sql, {**compiler.parameters, **given}

    def _looked_into(self, names: set[str], there: Mapping[str, FileTable]) -> dict[str, OutsideTable]:
        """All tables that are there, with the columns of those named."""
        tables = {name: OutsideTable(name, (), (), None) for name in there}
        return tables | self.described([there[name] for name in sorted(names) if name in there])

    @staticmethod
    def quoted(name: str) -> str:
        return identifier(name)

    def examine(self) -> list[Step]:
        return examined(("tables", self.tables))


class Reading:
    """While entered: a child, the files of `tables` linked into its scratch folder, and the job that names them."""

    def __init__(self, database: FolderDatabase, tables: Iterable[FileTable], *, weighed: bool = False) -> None:
        self._database, self._tables, self._weighed = database, tables, weighed
        self._entered = contextlib.ExitStack()
        self.marks: dict[Path, Mark] = {}
        self._csv: dict[str, CsvFile] = {}
        self.job: dict[str, Any] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._database.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix="reading-", dir=self._database.scratch))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            tables: list[dict[str, Any]] = [
                {"name": table.name, "files": list(self._files(table, folder, stack))} for table in self._tables
            ]
            links = [file["link"] for table in tables for file in table["files"]]
            self.job = {"tables": tables, "readable": links, "weighed": self._weighed}
            self.wall = stack.enter_context(Wall(folder, "paquebot.sources.outside.folder_child", PROBLEMS))
            self._entered = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._entered.close()

    @contextlib.contextmanager
    def pointing(self) -> Iterator[None]:
        """Where a CSV file could not be read exactly, its records are looked through for the line that is wrong."""
        try:
            yield
        except SourceError as error:
            source = self._csv.get(str(error.parameters.get("file")))
            if error.problem is not FILE_UNSETTLED or source is None:
                raise
            raise source.problem() from error

    def _files(self, table: FileTable, folder: Path, stack: contextlib.ExitStack) -> Iterator[dict[str, Any]]:
        for file in table.files:
            self.marks[file] = mark(file)
            link = folder / f"f{len(self.marks)}{file.suffix.lower()}"
            link.symlink_to(file.resolve())
            source = stack.enter_context(told(file, self._database.options["separator"]))
            if source:
                self._csv[source.name] = source
            yield as_job(file, link, source)


class FolderSource(DescribedSource):
    """Reads `selection`. The same files give the same rows in the same order."""

    def __init__(self, database: FolderDatabase, selection: Selection, limits: Limits) -> None:
        self._database, self._selection, self._limits = database, selection, limits
        self._reading: Reading | None = None
        self._is_entered = False
        self._columns: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        self._is_entered = True
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._reading is not None:
            self._reading.__exit__()
        self._reading, self._is_entered = None, False

    def check(self) -> None:
        self.columns()

    def columns(self) -> tuple[str, ...]:
        """Of an entered source whose rows all leave, CSV files are read once to see that nothing in them would be lost."""
        if not self._is_entered:
            limits = Limits(rows=0, timeout_seconds=self._limits.timeout_seconds)
            with FolderSource(self._database, self._selection, limits) as other:
                return other.columns()
        if self._reading is None:
            statement, values, tables = self._checked()
            self._reading = Reading(self._database, tables, weighed=self._limits.rows is None).__enter__()
            with self._reading.pointing():
                self._reading.wall.give({**self._reading.job, **self._job(statement, values)})
                self._columns = tuple(name for name, _ in self._reading.wall.columns())
        return self._columns

    def rows(self) -> Rows:
        if not self._is_entered:
            raise RuntimeError("rows are read inside the source's context")
        self.check()
        if self._reading is None:
            raise RuntimeError("what was checked is being read")
        with self._reading.pointing():
            found = self._reading.wall.rows()
        return replace(found, batches=self._watched(self._reading, found.batches))

    def _watched(self, reading: Reading, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with reading.pointing():
            try:
                yield from batches
            except SourceError:
                refuse_changes(reading.marks)  # the likelier reason
                raise
            refuse_changes(reading.marks)

    def _checked(self) -> tuple[CheckedStatement, Mapping[str, Any], list[FileTable]]:
        there = tables_in(Path(self._database.place))
        if isinstance(self._selection, QuerySelection):
            sql, values = self._selection.sql, self._selection.parameters
        else:
            sql, values = self._database.select(self._selection, there)
        statement = check(sql, dict.fromkeys(there, ()), tuple(values))
        if isinstance(self._selection, BuiltSelection):
            values = {**self._selection.given, **values}
        return statement, values, [there[name] for name in statement.tables]

    def _job(self, statement: CheckedStatement, values: Mapping[str, Any]) -> dict[str, Any]:
        added = added_around(self._selection)
        keyed = isinstance(self._selection, TableSelection) and bool(self._selection.key)
        seconds = min(self._limits.timeout_seconds, self._database.options["statement_timeout_seconds"])
        return {
            "tree": statement.tree,
            "calculated": [column.to_job() for column in added],
            "fields": [],
            "complete_order": self._selection.order == "key" and not keyed,
            "at_most": self._limits.rows,
            "counted": False,
            "parameters": {name: as_json(values[name]) for name in parameters_used(statement, added)},
            "own_parameters": list(statement.parameters),
            "batch_rows": BATCH_ROWS,
            "limits": {**child_limits(self._limits), "timeout_seconds": seconds},
        }


def _linked(where: criteria.Criterion | None) -> set[str]:
    return criteria.linked_tables(where) if where is not None else set()
