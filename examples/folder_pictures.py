"""Grey pictures from a folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Pictures:
    """What the network learns from.

    Attributes:
        files: where they were, below the folder.
        pixels: uint8 `(n, size, size)`.
        classes: `(n,)`, places in `labels`.
        labels: the good class first, the others by name.
        masks: uint8 `(n, size, size)`, from 0 to 255 where the defect is; None where not asked for.
    """

    files: tuple[str, ...]
    pixels: Tensor
    classes: Tensor
    labels: tuple[str, ...]
    masks: Tensor | None = None

    def part(self, rows: Tensor) -> Pictures:
        """Those at `rows`."""
        files = tuple(self.files[row] for row in rows.tolist())
        masks = None if self.masks is None else self.masks[rows]
        return Pictures(files, self.pixels[rows], self.classes[rows], self.labels, masks)


def read_pictures(folder: Path, good: str, size: int, masks: bool = False) -> Pictures:
    """Every picture in `folder/LABEL/`, squashed to `size` as the bundle will do it.

    With `masks`, also the PNG beside each photograph; a good part's may be missing.

    Raises:
        SystemExit: there is no folder for the good class, or for no other one.
    """
    names = sorted(inner.name for inner in folder.iterdir() if inner.is_dir())
    if good not in names or len(names) < 2:
        raise SystemExit(f"{folder} has folders {', '.join(names)}: --good names one of several")
    labels = (good, *(name for name in names if name != good))
    files = [(file, place) for place, label in enumerate(labels) for file in _in(folder / label)]
    return Pictures(
        files=tuple(file.relative_to(folder).as_posix() for file, _ in files),
        pixels=torch.from_numpy(np.stack([_grey(file, size) for file, _ in files])),
        masks=torch.from_numpy(np.stack([_mask(*one, size) for one in files])) if masks else None,
        classes=torch.tensor([place for _, place in files]),
        labels=labels,
    )


def _in(folder: Path) -> Sequence[Path]:
    """Its pictures; a PNG beside a photograph of the same name is that one's mask."""
    photos = sorted(file for file in folder.iterdir() if file.suffix.lower() in (".jpg", ".bmp"))
    masks = {file.with_suffix(".png") for file in photos}
    return photos + sorted(set(folder.glob("*.png")) - masks)


def _mask(photo: Path, place: int, size: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    file = photo.with_suffix(".png")
    if file == photo or (place and not file.is_file()):
        raise SystemExit(f"{photo} has no mask beside it: --masks takes photographs with PNG masks")
    return _grey(file, size) if file.is_file() else np.zeros((size, size), np.uint8)


def _grey(file: Path, size: int) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    read = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    if read is None:
        raise SystemExit(f"{file} is no picture that OpenCV reads")
    shrinks = max(read.shape) > size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    squashed = cv2.resize(read, (size, size), interpolation=method)
    return np.asarray(squashed, np.uint8).reshape(size, size)
