"""A hidden folder beside what is written, for one process at a time.

A lock on a file in it keeps others out. The system lets go of it when its process ends, however it
ends, so what a killed process left is not mistaken for one at work, nor for a process that has its
number now, on this machine or another. The file says who works there, for people.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from camexport.errors import OutputError
from camruntime.disk import is_at, lock_file

OLD = "old"
"""What has this name in a work folder is kept when work ends, and so is the folder."""

_LOCK = "lock"


@contextmanager
def work_folder(place: Path, written: Path) -> Iterator[Path]:
    """The folder `place`, this process's alone, with what a dead one left in it.

    Removed at the end, unless something called `OLD` is in it.

    Args:
        place: of the folder.
        written: what is worked on, for messages.

    Raises:
        OutputError: another process works there.
        OSError: it cannot be written, or the file system has no locks.
    """
    file = _taken(place, written)
    try:
        yield place
    finally:
        done = not (place / OLD).exists()
        if done:
            remove(place)  # while it is locked: nobody else's is removed
        os.close(file)
        if done and sys.platform == "win32":  # which removes no open file
            remove(place)


def remove(path: Path) -> None:
    """Whatever lies at `path`, as far as the system allows; nothing is no error."""
    if path.is_symlink() or path.is_file():
        path.unlink(missing_ok=True)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _taken(place: Path, written: Path) -> int:
    while True:
        place.mkdir(parents=True, exist_ok=True)
        try:
            file = os.open(place / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # removed since by who held it
            continue
        if not lock_file(file):
            holder = os.read(file, 200).decode("utf-8", "replace").strip()
            os.close(file)
            raise OutputError(
                f"another build is writing {written} ({holder or 'it has only begun'}): wait for "
                "it, or choose another --out"
            )
        if is_at(file, place / _LOCK):
            os.ftruncate(file, 0)
            os.write(file, f"process {os.getpid()} on {socket.gethostname()}".encode())
            return file
        os.close(file)
