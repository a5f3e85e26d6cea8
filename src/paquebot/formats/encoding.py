"""Characters as bytes, in the encoding a partner reads: what it does not have is refused, replaced or spelt otherwise.

Promise: a character that does not exist there never becomes another one unasked, and every one that was replaced is counted.
Texts are looked at before the file is written, so that nothing a replacement brings in (a quote, a separator) can break it, and
a refusal names row and column.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from paquebot.errors import FormatError, Problem
from paquebot.flow import Blocks, closing_upstream
from paquebot.formats.texts import Place, bytes_of, row_at

if TYPE_CHECKING:
    import pyarrow as pa

UNENCODABLE = Problem(
    "format.unencodable",
    "Row {row}, column “{column}”: the encoding {encoding} does not have the character “{character}” ({code}).",
    "Correct the value, choose UTF-8, or choose that such characters are replaced or written with the nearest letters.",
)
UNENCODABLE_WORD = Problem(
    "format.unencodable_word",
    "The encoding {encoding} does not have the character “{character}” ({code}), which “{text}” needs.",
    "Change the name of the column or the option it comes from, or choose UTF-8.",
)

UNENCODABLE_INSIDE = Problem(
    "format.unencodable_word",
    "The encoding {encoding} does not have the character “{character}” ({code}), which a list or a structure holds.",
    "Turn that column into text in a query, leave it out, or choose UTF-8.",
)

FAIL, REPLACE, TRANSLITERATE = "fail", "replace", "transliterate"
_CODECS: Mapping[str, str] = {"windows-1252": "cp1252", "utf-16": "utf-16-le"}
_MARKS: Mapping[str, bytes] = {"utf-8-sig": codecs.BOM_UTF8, "utf-16": codecs.BOM_UTF16_LE}
_NEAREST: Mapping[str, str] = {
    **{"œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D"},
    **{"ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "€": "EUR", "™": "(TM)", "…": "...", "•": "*", "′": "'", "″": '"'},
    **{"‘": "'", "’": "'", "‚": ",", "“": '"', "”": '"', "„": '"', "‹": "<", "›": ">", "–": "-", "—": "-", "−": "-", "‐": "-"},
    **{"\u2011": "-", "\u2028": " ", "\u2029": " ", "\u200b": "", "\ufeff": ""},
}
"""What Unicode itself does not take apart."""


class Encoder:
    """`fitting` for each text column, then `encoded` for the file's blocks."""

    def __init__(self, encoding: str, policy: str) -> None:
        self.encoding = encoding
        self.replaced = 0
        self._codec = _CODECS.get(encoding, encoding.removesuffix("-sig"))
        self._policy = policy

    @property
    def holds_everything(self) -> bool:
        return self._codec.startswith("utf")

    def require(self, text: str) -> None:
        """Raises `FormatError` when a text of ours (a column's name, a word for true) cannot be written."""
        for character in text:
            if not self._has(character):
                raise FormatError(UNENCODABLE_WORD, encoding=self.encoding, text=text, **_told(character))

    def fitting(self, column: pa.StringArray, place: Place) -> pa.StringArray:
        """The column with nothing the encoding does not have. Raises `FormatError` at the first such character, or counts."""
        found = bytes_of(column)
        if found.isascii():
            return column
        text = found.decode()
        try:
            text.encode(self._codec)
        except UnicodeEncodeError as error:
            if self._policy == FAIL:
                row = place.rows_before + row_at(column, len(text[: error.start].encode())) + 1
                told = _told(text[error.start])
                raise FormatError(UNENCODABLE, row=row, column=place.column, encoding=self.encoding, **told) from None
            return self._replaced(column, Counter(text))
        return column

    def encoded(self, blocks: Blocks) -> Blocks:
        """The file's bytes from its UTF-8, with the byte order mark where the encoding has one."""
        if mark := _MARKS.get(self.encoding):
            yield mark
        if self._codec == "utf-8":
            yield from blocks
            return
        decoder = codecs.getincrementaldecoder("utf-8")()
        with closing_upstream(blocks):
            for block in blocks:
                yield self._bytes(decoder.decode(block))

    def _bytes(self, text: str) -> bytes:
        """Columns of text were looked at before; lists and structures become text in the file only."""
        try:
            return text.encode(self._codec)
        except UnicodeEncodeError as error:
            raise FormatError(UNENCODABLE_INSIDE, encoding=self.encoding, **_told(text[error.start])) from None

    def _replaced(self, column: pa.StringArray, counted: Counter[str]) -> pa.StringArray:
        import polars as pl

        missing = [character for character in counted if not self._has(character)]
        self.replaced += sum(counted[character] for character in missing)
        patterns = {character: self._instead_of(character) for character in missing}
        texts = pl.Series(pl.from_arrow(column)).str.replace_many(list(patterns), list(patterns.values()))
        return cast("pa.StringArray", texts.to_arrow().cast(column.type))

    def _instead_of(self, character: str) -> str:
        if self._policy == REPLACE:
            return "?"
        nearest = _NEAREST.get(character)
        if nearest is None:
            apart = unicodedata.normalize("NFKD", character)
            nearest = "".join(part for part in apart if not unicodedata.combining(part))
            if not nearest and unicodedata.combining(character):
                return ""  # an accent on its own: the letter it stands on remains
        return nearest if (nearest or character in _NEAREST) and all(map(self._has, nearest)) else "?"

    def _has(self, character: str) -> bool:
        try:
            character.encode(self._codec)
        except UnicodeEncodeError:
            return False
        return True


def by_number(encoding: str, blocks: Iterable[bytes]) -> Blocks:
    """XML in the encoding, from its UTF-8: what the encoding does not have is a character reference."""
    if mark := _MARKS.get(encoding):
        yield mark
    decoder, codec = codecs.getincrementaldecoder("utf-8")(), _CODECS.get(encoding, encoding.removesuffix("-sig"))
    for block in blocks:
        yield block if codec == "utf-8" else decoder.decode(block).encode(codec, "xmlcharrefreplace")


def _told(character: str) -> dict[str, str]:
    """A character as an error may show it: one alone says nothing about a person."""
    return {"character": character if character.isprintable() else "�", "code": f"U+{ord(character):04X}"}
