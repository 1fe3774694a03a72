"""COCO's JSON: pictures, categories, and annotations with boxes and shapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from camruntime.datasets._coco_json import (
    annotation_mask,
    check_annotation,
    load_coco,
    picture_size,
)
from camruntime.datasets._found import Entry, Found, brief, in_one_line, is_file
from camruntime.datasets._sample import GroundTruth
from camruntime.datasets._shapes import fill_boxes, resize_mask
from camruntime.maps import FloatArray

_Id = int | str


def read_coco(path: Path) -> Found:
    """Read one entry per picture and category, called `FILE#CATEGORY`.

    A picture without any annotation is a good part, called `FILE`. Annotations of crowds are left
    out, and so is an entry with an annotation whose box or shape is none. Pictures are looked for
    beside the JSON, in `images/` beside it or above it, and in a folder called like the split,
    `val2017` for `instances_val2017.json`.

    Raises:
        DatasetError: the file is not COCO's.
        MissingDependencyError: pycocotools is not installed.
    """
    coco = load_coco(path)
    wrong: list[str] = []
    names = dict(_named(coco["categories"], wrong))
    marks = _by_picture(coco["annotations"], wrong)
    entries: list[Entry] = []
    missing, seen = [], set()
    for picture in coco["images"]:
        number, file = _identified(picture), str(_field(picture, "file_name"))
        if number is None or number in seen or not file:
            wrong.append(f"{brief(file)}: expected a picture with file_name and an id of its own")
            continue
        seen.add(number)
        image = _find(file, path)
        if image is None:
            missing.append(file)
        elif mine := marks.pop(number, []):
            entries.extend(_entries(picture, image, mine, names, wrong))
        else:
            entries.append(Entry(name=file, image=image, category="", empty=True))
    lost = sum(map(len, (of for number, of in marks.items() if number not in seen)))
    wrong += [f"{lost} annotations: of pictures that are not in the list"] if lost else []
    places = ", ".join(folder.as_posix() for folder in _folders(path))
    return Found(entries, [*in_one_line(missing, f"no such picture in {places}"), *wrong])


def _named(categories: Sequence[Any], wrong: list[str]) -> Iterator[tuple[_Id, str]]:
    """Names of categories by id; of an id that stands twice none, as nobody knows which it is."""
    ids = [_identified(one) for one in categories]
    for number, one in zip(ids, categories, strict=True):
        name = _field(one, "name")
        if number is None or ids.count(number) > 1 or not isinstance(name, str) or not name:
            wrong.append(f"category {brief(one)}: expected an id of its own and a name")
        else:
            yield number, name


def _by_picture(annotations: Sequence[Any], wrong: list[str]) -> dict[_Id, list[Any]]:
    found: dict[_Id, list[Any]] = {}
    for place, mark in enumerate(annotations):
        number = _identified(mark, "image_id")
        if number is None:
            wrong.append(f"annotation {place}: expected an object with image_id")
        else:
            found.setdefault(number, []).append(mark)
    return found


def _entries(
    picture: Any,
    image: Path,
    marks: Sequence[Any],
    names: Mapping[_Id, str],
    wrong: list[str],
) -> Iterator[Entry]:
    """An entry for each category that is annotated; into `wrong` what cannot be one."""
    file = str(picture["file_name"])
    by_category: dict[_Id | None, list[Any]] = {}
    for mark in marks:
        if not mark.get("iscrowd"):
            by_category.setdefault(_identified(mark, "category_id"), []).append(mark)
    for number, mine in by_category.items():
        category = None if number is None else names.get(number)
        try:
            if category is None:
                raise ValueError(f"its category_id {brief(mine[0].get('category_id'))} has no name")
            drawn = picture_size(picture)
            for mark in mine:
                check_annotation(mark, drawn)
        except ValueError as error:
            wrong.append(f"{brief(file)}#{brief(category or number)}: {error}")
            continue
        yield Entry(
            name=f"{file}#{category}",
            image=image,
            category=category,
            key=str(number),
            locate=partial(_locate, mine, drawn),
        )


def _locate(marks: Sequence[Any], drawn: tuple[int, int], size: tuple[int, int]) -> GroundTruth:
    """Boxes and mask, scaled from the size that they were `drawn` for to the photograph's."""
    boxes = _boxes(marks)
    mask = np.zeros(drawn, np.bool_)
    for mark, box in zip(marks, boxes, strict=True):
        shape = mark.get("segmentation")
        mask |= annotation_mask(mark, drawn) if shape else fill_boxes(box[None], drawn)
    scale = np.array([size[1] / drawn[1], size[0] / drawn[0]] * 2, np.float32)
    return GroundTruth(boxes * scale, resize_mask(mask, size, "its annotation"))


def _boxes(marks: Sequence[Any]) -> FloatArray:
    """Left, top, right and bottom `(k, 4)` in the JSON's pixels."""
    boxes = np.array([one["bbox"] for one in marks], np.float32).reshape(-1, 4)
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)


def _field(one: Any, name: str) -> Any:
    return one.get(name, "") if isinstance(one, dict) else ""


def _identified(one: Any, name: str = "id") -> _Id | None:
    """An object's id; None where it has none."""
    number = _field(one, name)
    return number if type(number) in (int, str) and number != "" else None


def _find(file: str, path: Path) -> Path | None:
    places = (folder / file for folder in _folders(path))
    return next((place for place in places if is_file(place)), None)


def _folders(path: Path) -> list[Path]:
    """Where pictures of the JSON file `path` may be."""
    split = path.stem.rpartition("_")[2]
    here, above = path.parent, path.parent.parent
    return [here, here / "images", here / split, above / split, above / "images"]
