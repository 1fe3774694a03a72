"""The picture of a record: where it was, or wherever in a folder one of the same content lies."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from camruntime._opencv import cv2
from camruntime._text import named
from camruntime.bundle import digest_file
from camruntime.datasets import is_called_picture
from camruntime.errors import CamError, ImageError, RecordError
from camruntime.pictures import Pixels, decode
from camruntime.record import PictureOf, digest_pixels

_Values = NDArray[Any]


class Pictures:
    """Finds pictures by their content; what lies at a path may be another one by now.

    Args:
        folder: is looked through, folders in it too; None for none.

    Raises:
        RecordError: it is no folder.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None and not folder.is_dir():
            raise RecordError(
                f"{named(folder)} is no folder: give the one that the pictures are in"
            )

    def find(self, wanted: PictureOf) -> Path | Pixels | _Values:
        """The picture, as `explain` takes it.

        Raises:
            RecordError: it is not there, or another one lies in its place.
        """
        if wanted.file_sha256 is not None:
            return self._file(wanted, wanted.file_sha256)
        if wanted.pixels_sha256 is None:
            raise RecordError("its picture could not be read then, so nothing says which it was")
        if self._folder is None:
            raise RecordError("its picture was no file: give --pictures FOLDER with its pixels")
        path = self._by_pixels.get(wanted.pixels_sha256)
        for values in () if path is None else _ways(path):
            if digest_pixels(values) == wanted.pixels_sha256:
                white = wanted.full_scale
                return values if white is None else Pixels(values, white)
        raise RecordError(f"no picture with its pixels is in {named(self._folder)}")

    def _file(self, wanted: PictureOf, digest: str) -> Path:
        place = None if wanted.path is None else Path(wanted.path)
        there = None if place is None else _digest(place)
        if place is not None and there == digest:
            return place
        if self._folder is not None and (found := self._by_file.get(digest)):
            return found
        also = "" if self._folder is None else f", and none like it is in {named(self._folder)}"
        if there is not None:
            raise RecordError(
                f"{named(place)} is another picture now, SHA-256 {digest[:12]}… recorded, "
                f"{there[:12]}… now{also}"
            )
        raise RecordError(
            f"{named(place)} is not there{also or ': give --pictures FOLDER with it'}"
        )

    @cached_property
    def _files(self) -> list[Path]:
        inside = sorted(self._folder.rglob("*")) if self._folder is not None else []
        return [one for one in inside if is_called_picture(one) or one.suffix.lower() == ".npy"]

    @cached_property
    def _by_file(self) -> dict[str, Path]:
        return {digest: one for one in self._files if (digest := _digest(one)) is not None}

    @cached_property
    def _by_pixels(self) -> dict[str, Path]:
        return {digest_pixels(values): one for one in self._files for values in _ways(one)}


def _digest(path: Path) -> str | None:
    """SHA-256 of a file; None where there is none."""
    try:
        return digest_file(path) if path.is_file() else None
    except (OSError, ValueError):
        return None


def _ways(path: Path) -> Iterator[_Values]:
    """The arrays that a file's pixels may have been given as: RGB, and grey in three shapes."""
    try:
        values = np.load(path) if path.suffix.lower() == ".npy" else _decoded(path)
    except (OSError, ValueError, EOFError, CamError):  # no picture
        return
    if path.suffix.lower() == ".npy":
        yield values
        return
    grey = values if values.ndim == 2 else values[..., 0]
    if values.ndim == 2 or bool((values == grey[..., None]).all()):
        yield from (grey, grey[..., None], np.repeat(grey[..., None], 3, axis=2))
    else:
        yield values


def _decoded(path: Path) -> _Values:
    """`(H, W)` or RGB `(H, W, 3)`, in the bits that the file has; without transparency."""
    found = decode(path, cv2.IMREAD_UNCHANGED, ImageError)
    if found is None:
        raise ImageError(f"{named(path)} is no picture")
    return found if found.ndim == 2 else np.ascontiguousarray(found[..., 2::-1])
