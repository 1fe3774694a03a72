"""Folders and files that appear complete or not at all.

A bundle that is replaced changes names with the new one at once, so that at any moment, also that
of a kill, one of them is there. Where a system cannot do that (Windows, some network folders), it
takes two renames; after a kill between them the old one lies in the work folder, and the next build
of the same bundle puts it back first.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from camexport.bundles.exchange import exchange
from camexport.bundles.work_folder import OLD, remove, work_folder
from camexport.errors import OutputError
from camruntime.disk import existing

_NEW = "new"


@contextmanager
def staged(out: Path, force: bool) -> Iterator[Path]:
    """A fresh folder, which becomes `out` when the block ends without an exception.

    Otherwise it is removed, whatever the exception. A link is followed: what it names is replaced.

    Raises:
        OutputError: `out` exists and `force` is off; another build is at work there; the disk is
            full or cannot be written.
    """
    _require_free(out, force)
    place = out.resolve()
    with _explained(out), work_folder(place.parent / f".{place.name}.building", out) as work:
        if (work / OLD).exists() and not place.exists():
            (work / OLD).rename(place)  # a build was killed between two renames
        _require_free(out, force)
        stage = _fresh(work)
        yield stage
        _to_disk(stage)
        _publish(stage, place, work / OLD)


@contextmanager
def staged_files(out: Path, names: Sequence[str]) -> Iterator[Path]:
    """As `staged`, for files in a folder that may hold others: `names` move to `out`, in order.

    Also removed is `out`, if it was made for nothing. Whether files may be replaced, who calls this
    has asked.

    Raises:
        OutputError: another build is at work there; the disk is full or cannot be written.
    """
    made = not out.exists()
    place = out / f".{Path(names[0]).stem}.building"
    try:
        with _explained(out), work_folder(place, out / names[0]) as work:
            stage = _fresh(work)
            yield stage
            _to_disk(stage)
            for name in names:
                (stage / name).replace(out / name)
    finally:
        if made and out.is_dir() and not any(out.iterdir()):
            out.rmdir()


def _require_free(out: Path, force: bool) -> None:
    if out.exists() and not force:
        raise OutputError(f"{out} is in use: choose another --out, or --force to replace it")


def _fresh(work: Path) -> Path:
    """An empty folder in `work`, without what a killed build left there."""
    for name in (_NEW, OLD):
        remove(work / name)
    (work / _NEW).mkdir()
    return work / _NEW


def _to_disk(folder: Path) -> None:
    """Have the system write what it holds of the files: a name may outlive a power cut alone."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())


def _publish(stage: Path, out: Path, old: Path) -> None:
    """Put `stage` in the place of `out`, and remove what was there."""
    if not out.exists():
        stage.rename(out)
    elif not exchange(stage, out):
        out.rename(old)
        try:
            stage.rename(out)
        except BaseException:
            old.rename(out)
            raise
        remove(old)


@contextmanager
def _explained(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            free = shutil.disk_usage(existing(out)).free
            raise OutputError(
                f"the disk is full: {free / 1e6:.0f} MB are free at {existing(out)}; nothing was "
                "left behind; make room or choose another --out"
            ) from error
        raise OutputError(f"cannot write {out}: {error.strerror or error}") from error
