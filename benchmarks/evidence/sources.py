"""Pictures of good and of defective parts, with where the defects are."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from camexport.inspector import LABELS
from camexport.inspector.surfaces import draw
from camruntime.pictures import encode_png

Mask = NDArray[np.bool_]

SURFACE_SEED = 8  # not one that training, samples or other benchmarks use
GOOD_SURFACES, DEFECTS = 1000, 500


@dataclass(frozen=True)
class Item:
    """A picture.

    Attributes:
        picture: its file.
        kind: label of its class.
        place: file of its mask, or boxes (x0, y0, x1, y1); None of a good part.
    """

    picture: Path
    kind: str
    place: Path | tuple[tuple[float, ...], ...] | None

    def mask(self, size: tuple[int, int]) -> Mask:
        """True where the defect is, `(H, W)`; empty of a good part."""
        if isinstance(self.place, Path):
            return np.asarray(cv2.imread(str(self.place), cv2.IMREAD_GRAYSCALE)) > 127
        found = np.zeros(size, bool)
        for x0, y0, x1, y1 in self.place or ():
            found[int(y0) : int(np.ceil(y1)), int(x0) : int(np.ceil(x1))] = True
        return found


def boards(folder: Path) -> list[Item]:
    """Circuit boards, with boxes around what is wrong."""
    boxes: dict[str, list[tuple[float, ...]]] = {}
    with (folder / "boxes.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            corners = tuple(float(row[corner]) for corner in ("x0", "y0", "x1", "y1"))
            boxes.setdefault(row["file"], []).append(corners)
    return [
        Item(file, file.parent.name, tuple(boxes.get(f"{file.parent.name}/{file.name}", ())))
        for file in sorted(folder.glob("*/*.png"))
    ]


def tiles(folder: Path, names: Sequence[str]) -> list[Item]:
    """Magnetic tiles with their masks; those called so."""
    files = [folder / name for name in names]
    return [
        Item(file, file.parent.name, None if "Free" in name else file.with_suffix(".png"))
        for name, file in zip(names, files, strict=True)
    ]


def surfaces(folder: Path) -> list[Item]:
    """Drawn surfaces, 1,000 good and 500 defects of four kinds, with exact masks."""
    done = folder / "done"
    if not done.exists():
        for index, label in enumerate([0] * GOOD_SURFACES + _kinds()):
            _draw(folder, index, label)
        done.touch()
    masks = {file.stem: file for file in folder.glob("*/*_mask.png")}
    return [
        Item(file, file.parent.name, masks.get(f"{file.stem}_mask"))
        for file in sorted(folder.glob("*/*.png"))
        if not file.stem.endswith("_mask")
    ]


def _kinds() -> list[int]:
    return [1 + index % (len(LABELS) - 1) for index in range(DEFECTS)]


def _draw(folder: Path, index: int, label: int) -> None:
    drawn = draw(np.random.default_rng((SURFACE_SEED, index)), label)
    place = folder / LABELS[label]
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{index:04d}.png").write_bytes(encode_png(drawn.image))
    if label:
        mask = np.repeat(drawn.mask[..., None], 3, 2).astype(np.uint8) * 255
        (place / f"{index:04d}_mask.png").write_bytes(encode_png(mask))


def good_surfaces(count: int) -> Iterator[NDArray[np.uint8]]:
    """More good ones, for what learns from good parts alone."""
    for index in range(count):
        yield draw(np.random.default_rng((SURFACE_SEED + 1, index)), 0).image
