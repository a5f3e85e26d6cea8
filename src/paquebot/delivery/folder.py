"""A folder of this machine, or one mounted on it: files for whoever reads there.

It lies under one of the folders the administrator allows, and no path leaves it: neither by “..” nor by a link. What was
published survives a power failure: file and folder are flushed to disk before and after the rename.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from paquebot.delivery.base import Capabilities, Destination
from paquebot.delivery.problems import (
    FILE_MISSING,
    FOLDER_MISSING,
    NAME_TAKEN,
    NO_SPACE,
    PARTIAL_DIFFERS,
    PATH_REFUSED,
    PERMISSION_DENIED,
    REFUSED,
)
from paquebot.errors import DeliveryError, Problem
from paquebot.flow import BLOCK_BYTES, Blocks, Remainder, measured
from paquebot.options import Option
from paquebot.packaging_keys import ZIP_PASSWORD

FOLDER_NOT_ALLOWED = Problem(
    "delivery.folder_not_allowed",
    "The folder “{path}” does not lie under a folder the administrator allows.",
    "Allowed: {allowed}. An administrator adds folders in PAQUEBOT_FOLDERS; “..” is never accepted.",
)

_FILE_MODE = 0o640


def resolve_folder(path: str, allowed: Sequence[Path], base: Path | None = None) -> Path:
    """The real folder `path` means: absolute, or under `base` (the first allowed folder when not given).

    Links are followed to where they lead. Raises `DeliveryError` listing the allowed folders when that is not one of them
    or inside one. The folder need not exist yet.
    """
    roots = [folder.resolve() for folder in allowed]
    start = base or (roots[0] if roots else Path("/"))
    real = (start / path).resolve()
    if ".." in Path(path).parts or not any(real.is_relative_to(root) for root in roots):
        raise DeliveryError(FOLDER_NOT_ALLOWED, path=path, allowed=allowed)
    return real


class FolderDestination(Destination):
    """A folder, given as an absolute path that `resolve_folder` let pass."""

    NAME = "folder"
    OPTIONS = (
        Option("path", "The folder; a relative path starts at the first allowed folder.", label="Folder", required=True),
        ZIP_PASSWORD,
    )
    CAPABILITIES = Capabilities(atomic_publish=True, read_back=True, listing=True, resumes=True)

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options)
        self._root = Path(options["path"])

    @classmethod
    def check_folder(cls, options: Mapping[str, Any], folder: str) -> None:
        root = Path(options["path"])
        if ".." in Path(folder).parts or not (root / folder).is_relative_to(root):
            raise DeliveryError(PATH_REFUSED, path=folder, place=options["path"])

    def __enter__(self) -> Self:
        if not self._root.is_dir():
            raise self._error(FOLDER_MISSING, self._root.name)
        self._root = self._root.resolve()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        pass

    @property
    def identity(self) -> Mapping[str, str]:
        return {"folder": str(self._root)}

    def send(self, path: str, blocks: Iterable[bytes], size_bytes: int) -> int:
        file = self._locate(path)
        self._require_room(path, size_bytes)
        with self._translated(path):
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE)
        return self._write(path, handle, blocks)

    def partial(self, path: str) -> int:
        return self.size(path) or 0

    def resume(self, path: str, rest: Remainder, size_bytes: int) -> int:
        """All that is there is compared: it is read faster than it is written, and after a power failure it may be anything."""
        there = self.partial(path)
        self._require_room(path, size_bytes - there)
        if measured(self.read(path)) != measured(rest.passed_over(there)):
            raise self._error(PARTIAL_DIFFERS, path)
        with self._translated(path):
            handle = os.open(self._locate(path), os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        return there + self._write(path, handle, rest)

    def require_folder(self, path: str) -> None:
        if not self._locate(path).parent.is_dir():
            raise self._error(FOLDER_MISSING, path)

    def room_bytes(self, path: str) -> int | None:
        with self._translated(path):
            room = os.statvfs(self._locate(path).parent)
        return room.f_bavail * room.f_frsize if room.f_blocks else None

    def size(self, path: str) -> int | None:
        with self._translated(path):
            try:
                found = self._locate(path).lstat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def read(self, path: str) -> Blocks:
        with self._translated(path, missing=FILE_MISSING):
            handle = os.open(self._locate(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            while True:
                with self._translated(path):
                    block = os.read(handle, BLOCK_BYTES)
                if not block:
                    return
                yield block
        finally:
            os.close(handle)

    def names(self, folder: str) -> list[str]:
        place = self._locate(f"{folder}/*" if folder else "*").parent
        try:
            return [entry.name for entry in place.iterdir() if entry.is_file() and not entry.is_symlink()]
        except OSError:
            return []

    def publish(self, temporary: str, final: str, *, replace: bool) -> None:
        source, target = self._locate(temporary), self._locate(final)
        if self.size(temporary) is None:
            raise self._error(FILE_MISSING, temporary)
        with self._translated(final):
            if replace:
                source.replace(target)
            else:
                _rename_to_a_free_name(source, target)
            _flush_folder(target.parent)
            if source.parent != target.parent:
                _flush_folder(source.parent)

    def remove(self, path: str) -> None:
        with self._translated(path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            self._locate(path).unlink()

    def _write(self, path: str, handle: int, blocks: Iterable[bytes]) -> int:
        accepted = 0
        try:
            for block in blocks:
                with self._translated(path):
                    accepted += _write_whole(handle, block)
            with self._translated(path):
                os.fsync(handle)
                _flush_folder(self._locate(path).parent)
        finally:
            os.close(handle)
        return accepted

    def _locate(self, path: str) -> Path:
        """Where `path` is: relative to the folder or absolute inside it, links in its folders followed but never outside."""
        wanted = self._root / path
        folder = wanted.parent.resolve()
        if ".." in wanted.parts or not folder.is_relative_to(self._root) or wanted == self._root:
            raise self._error(PATH_REFUSED, path)
        return folder / wanted.name

    def _require_room(self, path: str, size_bytes: int) -> None:
        room = self.room_bytes(path)
        if room is not None and room < size_bytes:
            raise self._error(NO_SPACE, path)

    def _error(self, problem: Problem, path: str, **parameters: Any) -> DeliveryError:
        return DeliveryError(problem, place=str(self._root), path=path, **parameters)

    @contextlib.contextmanager
    def _translated(self, path: str, *, missing: Problem = FOLDER_MISSING) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            problem = _MEANINGS.get(error.errno or 0, REFUSED)
            problem = missing if problem is FOLDER_MISSING else problem
            raise self._error(problem, path) from error


def _write_whole(handle: int, block: bytes) -> int:
    """A full disk or a signal makes `write` return short; what is left is written until it is done or the system says why."""
    view = memoryview(block)
    while view:
        view = view[os.write(handle, view) :]
    return len(block)


def _rename_to_a_free_name(source: Path, target: Path) -> None:
    """A hard link refuses an existing name, a rename does not. Where there are no hard links (FAT, some network folders) the
    name is looked at first; only another writer of the very same name in that moment could be overwritten then."""
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        source.rename(target)
    else:
        source.unlink()


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems cannot flush a folder; they also need not.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
_MEANINGS = {
    errno.ENOENT: FOLDER_MISSING,
    errno.ENOTDIR: FOLDER_MISSING,
    errno.EEXIST: NAME_TAKEN,
    errno.EACCES: PERMISSION_DENIED,
    errno.EPERM: PERMISSION_DENIED,
    errno.EROFS: PERMISSION_DENIED,
    errno.ENOSPC: NO_SPACE,
    errno.EDQUOT: NO_SPACE,
}
