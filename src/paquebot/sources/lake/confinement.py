"""What the kernel keeps from the sandbox, whatever DuckDB would let through.

Resource limits hold on every system; on Linux 5.13 and later Landlock also closes the file system (read what is named, write in
one folder) and, on 6.7 and later, TCP. Sources: setrlimit(2), prctl(2), landlock(7).
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_BENEATH, _VERSION_FLAG = 1, 1
_NO_NEW_PRIVILEGES, _DUMPABLE = 38, 4
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
_TRUNCATE = 1 << 14
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_RIGHTS_BY_VERSION = {1: 13, 2: 14, 3: 15, 4: 15}
_MOST_RIGHTS = 16
_NO_TCP, _NO_SIGNALS_NOR_ABSTRACT_SOCKETS = 3, 3
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache")
_ASKED_BY_DUCKDB = ("/dev/urandom", "/dev/null", "/proc/self/cgroup", "/proc/meminfo", "/sys/fs/cgroup")
"""Without a readable cgroup file DuckDB 1.5 aborts instead of saying so."""


def limit_resources(*, memory_bytes: int, cpu_seconds: int, file_bytes: int) -> None:
    """Bounds what this process may take; `memory_bytes` is address space, which is always much more than memory used."""
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_FSIZE, file_bytes),
    ):
        hardest = resource.getrlimit(kind)[1]
        bound = most if hardest == resource.RLIM_INFINITY else min(most, hardest)
        resource.setrlimit(kind, (bound, bound))


def forbid_children() -> None:
    """No further process or thread from here on (root excepted, whom this limit does not bind)."""
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def close_file_system(*, readable: Iterable[Path], writable: Path) -> bool:
    """From here on this thread, and every thread it starts, reads only `readable` and the libraries and writes only in
    `writable`. False where the kernel has no Landlock. Raises `FileNotFoundError` when a readable file is missing."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_DUMPABLE, 0, 0, 0, 0)  # the keys of the files are in memory: no debugger, no /proc/…/mem
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION_FLAG))
    if version < 1:
        return False
    handled = (1 << _RIGHTS_BY_VERSION.get(version, _MOST_RIGHTS)) - 1
    ruleset = _ruleset(libc, version, handled)
    try:
        for path in readable:
            _allow(libc, ruleset, path, _READ_FILE | _READ_FOLDER, handled)
        for name in (*_LIBRARIES, *_ASKED_BY_DUCKDB, *sys.path, sys.prefix, sys.base_prefix):
            path = Path(name)
            if name and path.exists():
                _allow(libc, ruleset, path, _READ_FILE | _READ_FOLDER, handled)
        _allow(libc, ruleset, writable, handled & ~_EXECUTE, handled)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        _checked(libc.syscall(_RESTRICT_SELF, ruleset, ctypes.c_uint(0)))
    finally:
        os.close(ruleset)
    return True


def _ruleset(libc: ctypes.CDLL, version: int, handled: int) -> int:
    parts = [handled]
    if version >= 4:
        parts.append(_NO_TCP)
    if version >= 6:
        parts.append(_NO_SIGNALS_NOR_ABSTRACT_SOCKETS)
    attributes = struct.pack(f"{len(parts)}Q", *parts)
    return _checked(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint(0)))


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path, rights: int, handled: int) -> None:
    opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rights &= handled if path.is_dir() else handled & _OF_FILES
        attributes = struct.pack("=Qi", rights, opened)
        _checked(libc.syscall(_ADD_RULE, ruleset, ctypes.c_int(_BENEATH), attributes, ctypes.c_uint(0)))
    finally:
        os.close(opened)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
