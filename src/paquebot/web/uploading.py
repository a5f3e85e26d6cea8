"""Taking files in: at most so many bytes, into a folder nobody else reads. A larger file is let go while it arrives."""

from __future__ import annotations

import os
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import SkipFile, TemporaryFileUploadHandler

LIMIT_VARIABLE = "PAQUEBOT_UPLOAD_MAX_MB"
MEGABYTE = 1_000_000
TOO_LARGE = "paquebot.upload_too_large"
"""In the request's META once a file was let go."""


def most_bytes() -> int:
    """The largest file that is taken in through the pages."""
    written = os.environ.get(LIMIT_VARIABLE, "")
    return (int(written) if written.isdecimal() else 500) * MEGABYTE


class LimitedUpload(TemporaryFileUploadHandler):
    """Writes to a temporary file, and stops writing past the limit; the form is still read, so that it can say so."""

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._received += len(raw_data)
        if self._received > most_bytes():
            if self.request is not None:
                self.request.META[TOO_LARGE] = True
            self.file.close()
            raise SkipFile
        super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        return None if self._received > most_bytes() else super().file_complete(file_size)
