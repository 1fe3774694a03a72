"""Folders and files that appear complete or not at all."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from camexport.errors import OutputError


@contextmanager
def staged(out: Path, force: bool) -> Iterator[Path]:
    """A fresh folder beside `out`, renamed to `out` when the block ends without an exception.

    Otherwise it is removed, whatever the exception. The staging folder's fixed name keeps two
    builds of the same bundle apart.

    Raises:
        OutputError: `out` exists and `force` is off; another build is at work there; the disk is
            full or cannot be written.
    """
    if out.exists() and not force:
        raise OutputError(f"{out} is in use: choose another --out, or --force to replace it")
    with _fresh(out.parent / f".{out.name}.building", out, out) as stage:
        yield stage
        _swap(stage, out)


@contextmanager
def staged_files(out: Path, names: Sequence[str]) -> Iterator[Path]:
    """As `staged`, for files in a folder that may hold others: `names` move to `out`, in order.

    Also removed is `out`, if it was made for nothing. Whether files may be replaced, who calls this
    has asked.

    Raises:
        OutputError: another build is at work there; the disk is full or cannot be written.
    """
    made = not out.exists()
    stage = out / f".{Path(names[0]).stem}.building"
    try:
        with _fresh(stage, out, out / names[0]) as stage:
            yield stage
            for name in names:
                (stage / name).replace(out / name)
    finally:
        if made and out.is_dir() and not any(out.iterdir()):
            out.rmdir()


@contextmanager
def _fresh(stage: Path, out: Path, written: Path) -> Iterator[Path]:
    """The folder `stage`, made now and removed at the end; errors speak of `out` and `written`."""
    if stage.exists():
        raise OutputError(
            f"another build is writing {written}: wait for it, or remove {stage} if it was killed"
        )
    try:
        stage.mkdir(parents=True)
    except OSError as error:  # FileExistsError: another build came between the two lines
        raise _explained(error, out) from error
    try:
        yield stage
    except OSError as error:
        raise _explained(error, out) from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _swap(stage: Path, out: Path) -> None:
    """Put `stage` in the place of `out`; what was there goes last, so that a failure keeps it."""
    old = out.parent / f".{out.name}.old"
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    stage.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _explained(error: OSError, out: Path) -> OutputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        free = shutil.disk_usage(_existing(out)).free
        return OutputError(
            f"the disk is full: {free / 1e6:.0f} MB are free at {_existing(out)}; nothing was "
            "left behind; make room or choose another --out"
        )
    return OutputError(f"cannot write {out}: {error.strerror or error}")


def _existing(path: Path) -> Path:
    return next(place for place in (path, *path.resolve().parents) if place.exists())
