"""What a person may choose about a file and its compression, declared once: forms, YAML and the formats derive from it.

`OPTIONS_OF` says which options mean something in which format; one that means nothing there is refused, unless it says what it
would say by itself.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from paquebot.errors import Problem
from paquebot.language import translatable
from paquebot.options import DefinitionError, Option, Path

DELIMITERS: Mapping[str, str] = {",": ",", ";": ";", "tab": "\t", "|": "|"}
LINE_ENDINGS: Mapping[str, str] = {"crlf": "\r\n", "lf": "\n"}
FORMATS = ("csv", "tsv", "json_lines", "json", "xml", "parquet", "avro", "xlsx", "fixed_width")
FORMAT_LABELS = ("CSV", "TSV", "JSON Lines", "JSON", "XML", "Parquet", "Avro", "Excel (XLSX)", translatable("Fixed width"))
JSON, FIXED_WIDTH = ("json_lines", "json"), "fixed_width"
UTF8 = "utf-8"
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "iso-8859-15", "windows-1252")
DIRECTIVES = "YymdjHMSfVG"
"""The `strftime` directives a pattern may use: those that give digits in every language."""

MEANINGLESS = Problem(
    "definition.meaningless_option",
    "{where}: “{key}” means nothing in a file of the format {format}.",
    "Remove it, or choose another format. What it is for: {explanation}",
)
JSON_IS_UTF8 = Problem(
    "definition.json_is_utf8",
    "{where}: JSON is UTF-8, and nothing else: readers are told so by RFC 8259, section 8.1.",
    "Remove “encoding”, or choose a format that has encodings, such as CSV or XML.",
)
BAD_WIDTH = Problem(
    "definition.bad_width",
    "{where}: “{value}” cannot be the width of “{column}”.",
    "Write a number of characters from 1 to 4000, such as “12”; “12>” for values to the right, “12>0” filled up with zeros.",
)
NO_WIDTHS = Problem(
    "definition.no_widths",
    "{where}: a file of fixed width needs the width of each of its columns.",
    "Write “column = width”, one a line, such as “code = 8”.",
)
BAD_PATTERN = Problem(
    "definition.bad_pattern",
    "{where}: “{value}” cannot be a pattern of dates and times: “{part}” is not known there.",
    "“%d/%m/%Y %H:%M:%S” gives 24/11/2026 06:30:00. Known: {known}.",
)
BAD_WORDS = Problem(
    "definition.bad_words",
    "{where}: “{value}” does not give two different words for true and false.",
    "Write them with a slash between, such as “true/false”, “oui/non” or “1/0”.",
)
BAD_LABEL = Problem(
    "definition.bad_label",
    "{where}: the label of “{column}” must be text, and not empty.",
    "Write the name the partner's file shall have for it.",
)
UNUSABLE_LINE = Problem(
    "definition.unusable_line", "{where}: “{key}” must stand on one line.", "Write it again without a line break or a tab."
)
BAD_ELEMENT = Problem(
    "definition.bad_element",
    "{where}: “{value}” cannot be the name of an XML element.",
    "Begin with a letter; then letters, digits, “-”, “_” and “.”, and no space.",
)
BAD_RECORD_NAME = Problem(
    "definition.bad_record_name",
    "{where}: “{value}” cannot be the name of a record in Avro.",
    "Letters without accents, digits and “_”, no digit first; dots between the parts, such as “ca.example.contact”.",
)
BAD_SHEET = Problem(
    "definition.bad_sheet",
    "{where}: “{value}” cannot be the name of a sheet.",
    "At most 25 characters, none of [ ] : * ? / \\, and no apostrophe at either end.",
)
BAD_EXTENSION = Problem(
    "definition.bad_extension",
    "{where}: “{value}” cannot be an extension.",
    "Write “none”, or letters, digits, “-”, “_” and single dots, such as “txt” or “csv.ok”.",
)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ELEMENT = re.compile(r"[^\W\d][\w.-]*")
NO_EXTENSION = "none"


def _check_pattern(value: str, path: Path) -> None:
    left = re.sub(f"%[{DIRECTIVES}]", "", value)
    wrong = re.search("%.?", left) or _CONTROL.search(left)
    if wrong:
        known = ", ".join(f"%{letter}" for letter in DIRECTIVES)
        raise DefinitionError(BAD_PATTERN, path, value=value, part=wrong[0], known=known)


def _check_words(value: str, path: Path) -> None:
    words = value.split("/")
    if len(words) != 2 or not all(words) or words[0] == words[1] or _CONTROL.search(value):
        raise DefinitionError(BAD_WORDS, path, value=value)


def _check_labels(value: Mapping[str, Any], path: Path) -> None:
    for column, label in value.items():
        if not isinstance(label, str) or not label.strip():
            raise DefinitionError(BAD_LABEL, (*path, str(column)), column=column)


@dataclass(frozen=True, slots=True)
class Width:
    """How many characters a value takes, on which side it stands, and what it is filled up with."""

    size: int
    right: bool = False
    pad: str = " "


def width_from(written: str) -> Width:
    """As people write it: `12`, `12>`, `12>0`. Raises `ValueError`."""
    found = re.fullmatch(r"([0-9]{1,4})\s*(?:([<>])(\S)?)?", written.strip())
    if found is None or not 1 <= int(found[1]) <= 4000 or (found[3] or "").isspace():
        raise ValueError(written)
    return Width(int(found[1]), found[2] == ">", found[3] or " ")


def _check_widths(value: Mapping[str, Any], path: Path) -> None:
    for column, written in value.items():
        try:
            width_from(str(written))
        except ValueError as error:
            raise DefinitionError(BAD_WIDTH, (*path, str(column)), value=written, column=column) from error


def _check_null_text(value: str, path: Path) -> None:
    if _CONTROL.search(value):
        raise DefinitionError(UNUSABLE_LINE, path, key=path[-1])


def _check_element(value: str, path: Path) -> None:
    if not _ELEMENT.fullmatch(value) or not value.isascii() or value.lower().startswith("xml"):
        raise DefinitionError(BAD_ELEMENT, path, value=value)


def _check_record_name(value: str, path: Path) -> None:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*", value) or len(value) > 200:
        raise DefinitionError(BAD_RECORD_NAME, path, value=value)


def _check_sheet(value: str, path: Path) -> None:
    if len(value) > 25 or re.search(r"[\[\]:*?/\\]", value) or value.strip("'") != value or _CONTROL.search(value):
        raise DefinitionError(BAD_SHEET, path, value=value)


def _check_extension(value: str, path: Path) -> None:
    if (value and not re.fullmatch(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", value)) or len(value) > 40:
        raise DefinitionError(BAD_EXTENSION, path, value=unicodedata.normalize("NFC", value))


VALUE_OPTIONS = (
    Option(
        "labels",
        "Other names for columns in the file: column = name, one a line.",
        kind="mapping",
        label="Names of the columns",
        check=_check_labels,
    ),
    Option("header", "Whether the first line names the columns.", label="Header line", kind="boolean", default=True),
    Option(
        "delimiter",
        "What stands between two values.",
        label="Separator",
        default=",",
        choices=tuple(DELIMITERS),
        choice_labels=("Comma", "Semicolon", "Tab", "Vertical bar"),
    ),
    Option(
        "quoting",
        "Which values stand between quotes; “never” refuses a value that would break the file.",
        label="Quotes",
        default="needed",
        choices=("needed", "always", "never"),
        choice_labels=("When needed", "Always", "Never"),
    ),
    Option(
        "escape",
        "How a quote inside a value is told from the one that ends it.",
        label="A quote inside a value",
        default="double",
        choices=("double", "backslash"),
        choice_labels=("Is written twice", "Follows a backslash"),
    ),
    Option(
        "line_ending",
        "What ends a line.",
        label="End of line",
        default="crlf",
        choices=tuple(LINE_ENDINGS),
        choice_labels=("CR LF (Windows)", "LF (Unix)"),
    ),
    Option(
        "encoding",
        "How characters become bytes. JSON is always UTF-8; XML writes what an encoding does not have by its number.",
        label="Encoding",
        default="utf-8",
        choices=ENCODINGS,
        choice_labels=("UTF-8", "UTF-8 with BOM", "UTF-16", "ISO-8859-1", "ISO-8859-15", "Windows-1252"),
    ),
    Option(
        "unencodable",
        "What happens to a character the encoding does not have; what was replaced is counted in the report.",
        label="Characters the encoding does not have",
        default="fail",
        choices=("fail", "replace", "transliterate"),
        choice_labels=("The run fails", "A question mark", "The nearest letters"),
    ),
    Option(
        "reader",
        "Spreadsheets run what looks like a formula and drop leading zeros; such cells are then altered and counted.",
        label="Who reads the file",
        default="machine",
        choices=("machine", "spreadsheet"),
        choice_labels=("A program: values untouched", "A spreadsheet: values made safe"),
    ),
    Option("null_text", "What stands for a missing value.", label="Missing values", default="", check=_check_null_text),
    Option(
        "decimal_mark",
        "What stands before the decimals of a number.",
        label="Decimal mark",
        default=".",
        choices=(".", ","),
        choice_labels=("Point", "Comma"),
    ),
    Option(
        "trailing_zeros",
        "Whether 1.50 keeps its last zero.",
        label="Keep the zeros at the end of decimals",
        kind="boolean",
        default=True,
    ),
    Option(
        "dates",
        "A pattern such as %d/%m/%Y; ISO 8601 (2026-11-24) when left out.",
        label="Dates",
        default="",
        check=_check_pattern,
    ),
    Option(
        "times",
        "A pattern such as %d/%m/%Y %H:%M:%S; ISO 8601 when left out. Moments are in UTC.",
        label="Dates with a time",
        default="",
        check=_check_pattern,
    ),
    Option(
        "booleans",
        "The words for true and false, such as oui/non.",
        label="True and false",
        default="true/false",
        check=_check_words,
    ),
    Option(
        "widths",
        "How many characters each column takes: column = width, one a line; “12>” for values to the right, “12>0” with zeros.",
        kind="mapping",
        label="Widths",
        check=_check_widths,
    ),
    Option(
        "overflow",
        "What happens to a value longer than its width; what was cut is counted in the report.",
        label="Values longer than their width",
        default="fail",
        choices=("fail", "truncate"),
        choice_labels=("The run fails", "They are cut"),
    ),
    Option(
        "header_record",
        "A line before all others, with variables as in file names, such as “HDR{export}”.",
        label="First record",
        default="",
        check=_check_null_text,
    ),
    Option(
        "trailer_record",
        "A line behind all others, with the same variables, {rows} and {records}; “{rows:9}” has nine digits.",
        label="Last record",
        default="",
        check=_check_null_text,
    ),
    Option("root_element", "The element around all rows.", label="Root element", default="rows", check=_check_element),
    Option("row_element", "The element around one row.", label="Row element", default="row", check=_check_element),
    Option(
        "sheet",
        "The name of the sheet; when the rows need more than one, the others are numbered.",
        label="Sheet",
        default="Export",
        check=_check_sheet,
    ),
    Option(
        "parquet_compression",
        "How columns are compressed inside the file.",
        label="Compression of the columns",
        default="zstd",
        choices=("zstd", "snappy", "gzip", "none"),
        choice_labels=("Zstandard", "Snappy", "gzip", "None"),
    ),
    Option(
        "avro_codec",
        "How the blocks of rows are compressed inside the file; every reader knows Deflate.",
        label="Compression of the blocks",
        default="deflate",
        choices=("deflate", "zstd", "none"),
        choice_labels=("Deflate", "Zstandard", "None"),
    ),
    Option(
        "record_name",
        "What the schema calls a row, such as “ca.example.contact”.",
        label="Name of the record",
        default="row",
        check=_check_record_name,
    ),
)
"""The options of files beside their name and format."""

EXTENSION = Option(
    "extension",
    "In place of those of format, compression and encryption; “none” for no extension at all.",
    label="Extension",
    default="",
    check=_check_extension,
)


_RENDERED = ("decimal_mark", "trailing_zeros", "dates", "times", "booleans")
_FRAMED = ("header_record", "trailer_record")
_LINES = ("header", "line_ending", "encoding", "unencodable", "null_text", *_RENDERED, *_FRAMED)
_TEXT_FILE = (*_LINES, "reader")
OPTIONS_OF: Mapping[str, tuple[str, ...]] = {
    "csv": ("labels", "delimiter", "quoting", "escape", *_TEXT_FILE),
    "tsv": ("labels", *_TEXT_FILE),
    "json_lines": ("labels", "dates", "times"),
    "json": ("labels", "dates", "times"),
    "xml": ("labels", "encoding", "root_element", "row_element", "dates", "times", "booleans"),
    "parquet": ("labels", "parquet_compression"),
    "avro": ("labels", "avro_codec", "record_name"),
    "xlsx": ("labels", "header", "sheet"),
    "fixed_width": ("labels", "widths", "overflow", *_LINES),
}
"""Format → the options that mean something there."""


def options_of(format_name: str) -> tuple[Option, ...]:
    """The options of one format."""
    return tuple(option for option in VALUE_OPTIONS if option.name in OPTIONS_OF[format_name])


def formats_with(option_name: str) -> tuple[str, ...]:
    """The formats in which the option means something."""
    return tuple(name for name, options in OPTIONS_OF.items() if option_name in options)


def meaningful(values: Mapping[str, Any]) -> dict[str, Any]:
    """`values` of a file without those that mean nothing in its format."""
    apart = {option.name for option in VALUE_OPTIONS} - set(OPTIONS_OF[values["format"]])
    return {name: value for name, value in values.items() if name not in apart}


def check_meaning(values: Mapping[str, Any], path: Path) -> None:
    """Raises `DefinitionError` for an option that means nothing in the format, unless it says what it says by itself."""
    if values["format"] in JSON and values.get("encoding", UTF8) not in (UTF8, None):
        raise DefinitionError(JSON_IS_UTF8, (*path, "encoding"))
    if values["format"] == FIXED_WIDTH and not values.get("widths"):
        raise DefinitionError(NO_WIDTHS, (*path, "widths"))
    for option in VALUE_OPTIONS:
        given = values.get(option.name, option.default)
        if option.name not in OPTIONS_OF[values["format"]] and given not in (option.default, None):
            raise DefinitionError(
                MEANINGLESS,
                (*path, option.name),
                key=option.name,
                format=values["format"],
                explanation=option.explanation,
            )
