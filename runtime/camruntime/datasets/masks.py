"""Pictures with a mask each: `1.jpg` and `1.png`, or `images/1.jpg` and `masks/1.png`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from camruntime._opencv import cv2
from camruntime.datasets._found import Entry, Found, is_picture
from camruntime.datasets._sample import GroundTruth
from camruntime.datasets._shapes import Mask, component_boxes, resize_mask
from camruntime.errors import DatasetError
from camruntime.pictures import decode


def read_masks(path: Path) -> Found:
    """Read the pictures in `path` and its folders with their masks.

    The folder below `path` is the category, and the class where the network knows it. A picture
    without a mask is kept without a place; one with an empty mask is a good part.
    """
    entries, left_out = [], []
    for image, mask in picture_masks(path):
        name = image.relative_to(path)
        try:
            shown = mask is not None and bool(read_mask(mask).any())
        except DatasetError as error:
            left_out.append(f"{name.as_posix()}: {error}")
            continue
        if mask is None:
            left_out.append(f"{name.as_posix()}: has no mask, used only where no place is needed")
        locate = partial(_locate, mask) if mask is not None and shown else None
        folders = [part for part in name.parts[:-1] if part != "images"]
        entry = Entry(
            name=name.as_posix(),
            image=image,
            category=folders[0] if folders else "",
            locate=locate,
            empty=mask is not None and not shown,
            must_match=False,  # an inspection network knows "defect", not what kind of it
        )
        entries.append(entry)
    return Found(entries, left_out)


def picture_masks(path: Path) -> list[tuple[Path, Path | None]]:
    """Every picture in `path` and its folders, with its mask or None; sorted."""
    files = sorted(filter(is_picture, path.rglob("*")))
    by_stem: dict[Path, list[Path]] = {}
    for file in files:
        by_stem.setdefault(file.with_suffix(""), []).append(file)
    found = {file: _mask_of(file, path, by_stem) for file in files}
    masks = set(found.values())
    return [
        (image, mask)
        for image, mask in found.items()
        if image not in masks and "masks" not in image.relative_to(path).parts
    ]


def _mask_of(image: Path, root: Path, by_stem: dict[Path, list[Path]]) -> Path | None:
    for stem in _mask_stems(image, root):
        beside = stem.parent == image.parent
        for file in by_stem.get(stem, []):
            if file != image and (not beside or file.suffix.lower() == ".png"):
                return file
    return None


def _mask_stems(image: Path, root: Path) -> Iterator[Path]:
    """Where a picture's mask may be, without suffixes."""
    folders, name = image.relative_to(root).parent, image.stem
    swapped = ("masks" if part == "images" else part for part in folders.parts)
    for folder in (image.parent, root.joinpath(*swapped), image.parent / "masks"):
        yield folder / f"{name}_mask"
        yield folder / name


def read_mask(path: Path) -> Mask:
    """Read a mask `(H, W)`: where any colour is not zero, alpha aside.

    In a mask of 8 bits that has values above 127, only those count: its edges may be smooth.

    Raises:
        DatasetError: the file is no picture, or one of no numbers.
    """
    try:
        pixels = decode(path, cv2.IMREAD_UNCHANGED, DatasetError)
    except cv2.error as error:  # such as of too many pixels
        raise DatasetError(f"OpenCV cannot decode the mask {path}: {error.err or error}") from error
    if pixels is None:
        raise DatasetError(f"the mask {path} is not a picture that OpenCV can decode")
    grey = pixels if pixels.ndim == 2 else pixels[..., :3].max(axis=2)
    if not np.isfinite(grey).all():
        raise DatasetError(f"the mask {path} holds NaN or infinity: expected 0 where nothing is")
    smooth = grey.dtype == np.uint8 and grey.max() > 127
    return np.asarray(grey > (127 if smooth else 0), np.bool_)


def _locate(path: Path, size: tuple[int, int]) -> GroundTruth:
    mask = resize_mask(read_mask(path), size, f"the mask {path}")
    return GroundTruth(component_boxes(mask), mask)
