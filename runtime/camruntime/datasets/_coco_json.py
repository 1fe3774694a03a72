"""COCO's JSON, read, and each of its annotations checked before anything is drawn of it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from camruntime._strict_json import parse_json
from camruntime.datasets._found import brief, read_text
from camruntime.datasets._shapes import Mask
from camruntime.errors import DatasetError, MissingDependencyError
from camruntime.regions import decode_rle

_MOST_PIXELS = 2**28


def load_coco(path: Path) -> dict[str, list[Any]]:
    """The lists `images`, `annotations` and `categories` of a file.

    Raises:
        DatasetError: the file is not COCO's.
        MissingDependencyError: pycocotools is not installed.
    """
    try:
        import pycocotools.coco  # noqa: F401  # before an hour of work that ends without it
    except ImportError as error:
        raise MissingDependencyError(
            "COCO's JSON needs pycocotools: `pip install 'camexport[evaluate]'`"
        ) from error
    try:
        read = parse_json(read_text(path))
    except ValueError as error:
        raise _not_coco(path, str(error)) from error
    parts = ("images", "annotations", "categories")
    if not isinstance(read, dict) or any(not isinstance(read.get(one), list) for one in parts):
        came = brief(list(read)[:5]) if isinstance(read, dict) else type(read).__name__
        raise _not_coco(path, came)
    return {part: read[part] for part in parts}


def picture_size(picture: Any) -> tuple[int, int]:
    """Height and width of one of `images`.

    Raises:
        ValueError: they are none.
    """
    sides = (picture.get("height"), picture.get("width"))
    if any(type(side) is not int or side < 1 for side in sides) or math.prod(sides) > _MOST_PIXELS:
        raise ValueError(f"expected height and width in pixels, got {brief(list(sides))}")
    return sides


def check_annotation(mark: Any, size: tuple[int, int]) -> None:
    """Whether box and shape of an annotation lie on a picture of `size` `(H, W)`.

    Raises:
        ValueError: one does not, or is none.
    """
    box, shape = mark.get("bbox"), mark.get("segmentation")
    if not _is_numbers(box) or len(box) != 4 or min(box[2:]) < 0:
        raise ValueError(f"expected bbox [left, top, width, height], got {brief(box)}")
    left, top, width, height = box
    if left >= size[1] or top >= size[0] or left + width < 0 or top + height < 0:
        raise ValueError(f"its bbox {brief(box)} is not on the picture")
    _check_near((left, top, left + width, top + height), size, "its bbox")
    if isinstance(shape, dict):
        decode_rle(shape, size)
    elif shape:
        _check_polygons(shape, size)


def annotation_mask(mark: Any, size: tuple[int, int]) -> Mask:
    """The shape of an annotation that was checked, as a mask of `size` `(H, W)`."""
    if isinstance(mark["segmentation"], dict):
        return decode_rle(mark["segmentation"], size)
    from pycocotools.coco import COCO

    coco = COCO()
    coco.imgs = {0: {"height": size[0], "width": size[1]}}
    with warnings.catch_warnings():  # pycocotools 2.0.11 lacks an argument that NumPy 2 wants
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.asarray(coco.annToMask({**mark, "image_id": 0}), np.bool_)


def _check_polygons(shape: Any, size: tuple[int, int]) -> None:
    """What draws them walks along every outline, pixel by pixel, wherever it leads."""
    if not isinstance(shape, list) or any(not _is_numbers(one) for one in shape):
        raise ValueError("expected segmentation as lists of numbers or as a run-length code")
    for outline in shape:
        if len(outline) < 6 or len(outline) % 2:
            raise ValueError(f"a polygon has {len(outline)} numbers: expected pairs, at least 3")
        _check_near(outline, size, "a polygon")


def _check_near(values: Sequence[float], size: tuple[int, int], what: str) -> None:
    side = max(size)
    if min(values) < -side or max(values) > 2 * side:
        raise ValueError(
            f"{what} reaches from {min(values):g} to {max(values):g}, far beyond the picture of "
            f"{size[1]} x {size[0]} pixels"
        )


def _is_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(one) in (int, float) for one in values)


def _not_coco(path: Path, came: object) -> DatasetError:
    return DatasetError(
        f"{path} is not COCO's JSON of objects: expected lists of images, annotations (with "
        f"image_id, category_id and bbox) and categories; got {came}"
    )
