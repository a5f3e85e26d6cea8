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
        return _bracketed(objects(rows, self.options, before=","))


def _bracketed(blocks: Blocks) -> Blocks:
    """Each row begins with its comma, and the first one's gives way to the bracket."""
    with closing_upstream(blocks):
        is_first = True
        for block in blocks:
            yield b"[" + block[1:] if is_first else block
            is_first = False
        yield b"[]\n" if is_first else b"]\n"
