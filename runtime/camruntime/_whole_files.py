"""Files that appear complete or not at all: written aside, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from uuid import uuid4

from camruntime.disk import existing
from camruntime.errors import OutputError


def write_whole(files: Mapping[Path, bytes]) -> None:
    """Write files that belong together into one folder, which is made when it is missing.

    All are written aside before the first gets its name, and names are given in order. The last
    file says that all are there: an old one goes before the first name is given. What is written
    is on the disk, so that a power cut leaves no empty file under a final name.

    Args:
        files: content by path, at least one.

    Raises:
        OutputError: the disk is full or cannot be written; nothing new is left.
    """
    aside = {path: path.with_name(f".{uuid4().hex}.part") for path in files}
    *others, last = files
    named: list[Path] = []
    try:
        last.parent.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            _write(aside[path], content)
        if others:
            last.unlink(missing_ok=True)
        for path in files:
            aside[path].replace(path)
            named.append(path)
    except OSError as error:
        _remove(named)
        raise cannot_write(last, error) from error
    finally:
        _remove(aside.values())


def cannot_write(path: Path, error: OSError, kept: str = "") -> OutputError:
    """The error for a file that could not be written; `kept` says what is there, if anything."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(existing(path.parent)).free
        return OutputError(
            f"cannot write {path}: the disk is full, {free / 1e6:.1f} MB are free; {kept}make room "
            "or choose another folder, and run it again"
        )
    return OutputError(
        f"cannot write {path}: {error.strerror or error}; {kept}choose a folder that exists and "
        "may be written, and run it again"
    )


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError:  # the folder is gone or cannot be written: told already
            continue
