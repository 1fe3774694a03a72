"""COCO's JSON: pictures, categories, and annotations with boxes and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from camruntime.datasets._coco_json import annotation_mask, load_coco, not_coco
from camruntime.datasets._found import Entry, Found, in_one_line
from camruntime.datasets._sample import GroundTruth
from camruntime.datasets._shapes import fill_boxes, resize_mask
from camruntime.maps import FloatArray


def read_coco(path: Path) -> Found:
    """Read one entry per picture and category, called `FILE#CATEGORY`.

    Annotations of crowds are left out. Pictures are looked for beside the JSON, in `images/`
    beside it or above it, and in a folder called like the split, `val2017` for
    `instances_val2017.json`.

    Raises:
        DatasetError: the file is not COCO's.
        MissingDependencyError: pycocotools is not installed.
    """
    coco = load_coco(path)
    try:
        return _found(coco, path)
    except (KeyError, TypeError, ValueError) as error:
        raise not_coco(path, repr(error)) from error


def _found(coco: Any, path: Path) -> Found:
    entries: list[Entry] = []
    missing = []
    for picture in coco.dataset["images"]:
        image = _find(str(picture["file_name"]), path)
        if image is None:
            missing.append(str(picture["file_name"]))
        else:
            entries.extend(_entries(coco, picture, image))
    places = ", ".join(folder.as_posix() for folder in _folders(path))
    return Found(entries, in_one_line(missing, f"no such picture in {places}"))


def _entries(coco: Any, picture: dict[str, Any], image: Path) -> Iterator[Entry]:
    drawn = (int(picture["height"]), int(picture["width"]))
    by_category: dict[int, list[Any]] = {}
    for mark in coco.imgToAnns.get(picture["id"], []):
        if not mark.get("iscrowd"):
            by_category.setdefault(mark["category_id"], []).append(mark)
    for number, marks in by_category.items():
        category = str(coco.cats[number]["name"])
        yield Entry(
            name=f"{picture['file_name']}#{category}",
            image=image,
            category=category,
            key=str(number),
            locate=partial(_locate, coco, marks, _boxes(marks), drawn),
        )


def _boxes(marks: Sequence[Any]) -> FloatArray:
    """Left, top, right and bottom `(k, 4)` in the JSON's pixels."""
    boxes = np.array([one["bbox"] for one in marks], np.float32).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _locate(
    coco: Any,
    marks: Sequence[Any],
    boxes: FloatArray,
    drawn: tuple[int, int],
    size: tuple[int, int],
) -> GroundTruth:
    """Boxes and mask, scaled from the size that they were `drawn` for to the photograph's."""
    mask = np.zeros(drawn, np.bool_)
    for mark, box in zip(marks, boxes, strict=True):
        if mark.get("segmentation"):
            mask |= annotation_mask(coco, mark)
        else:
            mask |= fill_boxes(box[None], drawn)
    scale = np.array([size[1] / drawn[1], size[0] / drawn[0]] * 2, np.float32)
    return GroundTruth(boxes * scale, resize_mask(mask, size))


def _find(file: str, path: Path) -> Path | None:
    places = (folder / file for folder in _folders(path))
    return next((place for place in places if place.is_file()), None)


def _folders(path: Path) -> list[Path]:
    """Where pictures of the JSON file `path` may be."""
    split = path.stem.rpartition("_")[2]
    here, above = path.parent, path.parent.parent
    return [here, here / "images", here / split, above / split, above / "images"]
