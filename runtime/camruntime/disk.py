"""What both packages ask of a disk: locks that end with their process, and what exists."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def is_at(file: int, path: Path) -> bool:
    """Whether the open `file` is the one that lies at `path`: it may have been removed since."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except OSError:
        return False


def existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that is there: they are on the same disk."""
    return next(place for place in (path, *path.resolve().parents) if place.exists())


if sys.platform == "win32":
    import msvcrt

    _FAR = 2**30  # a locked byte cannot be read: this one holds nothing

    def lock_file(file: int) -> bool:
        """Lock an open file until it is closed or the process ends; False where another did."""
        os.lseek(file, _FAR, os.SEEK_SET)
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(file, 0, os.SEEK_SET)
        return True

else:
    import fcntl

    def lock_file(file: int) -> bool:
        """Lock an open file until it is closed or the process ends; False where another did.

        Raises:
            OSError: the file system knows no locks.
        """
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
