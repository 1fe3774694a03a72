"""A file's whole content, and nothing that only looks like a file, such as a device or a pipe."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from camruntime._text import named
from camruntime.errors import CamError

_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_file(path: Path, error: type[CamError], most: int) -> bytes:
    """All of a file.

    Args:
        path: of a regular file; others could keep whoever reads them waiting for ever.
        error: what is raised.
        most: bytes, above which nothing is read.

    Raises:
        CamError: `error`: it cannot be read, is no file, is larger, or changed in the meantime.
    """
    try:
        _refuse(path, os.stat(path), error, most)  # noqa: PTH116  # opening a device may start it
        # Not waiting: what was a file a moment ago may have become a pipe.
        handle = os.open(
            path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        )
        with open(handle, "rb") as file:  # noqa: PTH123
            known = os.fstat(handle)
            _refuse(path, known, error, most)
            data = file.read(known.st_size + 1)
    except OSError as reason:
        raise error(f"cannot read {named(path)}: {reason.strerror or reason}") from reason
    except ValueError as reason:  # a character that no path has
        raise error(f"cannot read {named(path)}: {reason}") from reason
    if len(data) != known.st_size:
        raise error(
            f"{named(path)} changed while it was read: write pictures aside and rename them when "
            "they are complete"
        )
    return data


def _refuse(path: Path, known: os.stat_result, error: type[CamError], most: int) -> None:
    for is_one, what in _KINDS:
        if is_one(known.st_mode):
            raise error(f"cannot read {named(path)}: expected a file, got {what}")
    if known.st_size > most:
        raise error(
            f"{named(path)} has {known.st_size} bytes: expected at most {most}, as no picture has "
            "more below the limit of megapixels"
        )
