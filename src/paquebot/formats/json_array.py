"""JSON: one array of objects (RFC 8259), one row a line, in UTF-8. Values are those of JSON Lines."""

from __future__ import annotations

from typing import ClassVar

from paquebot.file_keys import options_of
from paquebot.flow import Blocks, Rows, closing_upstream
from paquebot.formats.base import Format
from paquebot.formats.json_lines import objects


class JsonFormat(Format):
    NAME = "json"
    EXTENSION = ".json"
    OPTIONS: ClassVar = options_of("json")

    def write(self, rows: Rows) -> Blocks:
        """Each row begins with its comma; the first one loses it to the bracket."""
        found = objects(rows, self.options, begin=",\n", end="")
        return _bracketed(found)


def _bracketed(blocks: Blocks) -> Blocks:
    with closing_upstream(blocks):
        opening = b"["
        for block in blocks:
            yield opening + block[1:] if opening and block else block
            opening = opening if not block else b""
        yield opening + b"\n]\n"
