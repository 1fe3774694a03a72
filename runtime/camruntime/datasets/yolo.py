"""YOLO's layout: `images/1.jpg`, and `labels/1.txt` with a line per object.

A line is `class cx cy w h` (centre, width and height of a box) or `class x1 y1 x2 y2 x3 y3 ...`
(an outline), all relative to the picture's size.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np

from camruntime.datasets._found import Entry, Found, brief, in_one_line, is_picture, read_text
from camruntime.datasets._sample import GroundTruth
from camruntime.datasets._shapes import fill_boxes, fill_outline
from camruntime.datasets._yolo_names import class_name, read_names
from camruntime.errors import DatasetError
from camruntime.maps import FloatArray

MARKS = ("labels", "boxes", "polygons")
"""Folders of marks; the first one that exists is read."""

_DIGITS = 10  # of a class id

_SLACK = 0.01
"""By how much marks may reach beyond the picture: files hold rounded numbers."""

Objects = dict[str, list[FloatArray]]


def read_yolo(path: Path) -> Found:
    """Read one entry per picture and class, called `FILE#CLASS`, with all objects of that class.

    Class names are in `classes.yaml`, `data.yaml`, `dataset.yaml` or `classes.txt`; without any,
    a class is called by its id. A picture with a line that is none of the two above is left out;
    one whose file is empty is a good part, called `FILE`.

    Raises:
        DatasetError: a folder is missing, or the class names cannot be read.
        MissingDependencyError: names are in YAML, and PyYAML is not installed.
    """
    marks = marks_folder(path)
    if marks is None:
        raise DatasetError(f"{path}: expected images/ and one of {', '.join(MARKS)} in it")
    names = read_names(path)
    entries: list[Entry] = []
    unmarked, wrong = [], []
    images = path / "images"
    for image in sorted(filter(is_picture, images.rglob("*"))):
        file = image.relative_to(images)
        marked = (marks / file).with_suffix(".txt")
        if not marked.is_file():
            unmarked.append(file.as_posix())
            continue
        try:
            entries.extend(_entries(file.as_posix(), image, marked, names))
        except DatasetError as error:
            wrong.append(f"{brief(file.as_posix())}: {error}")
    unmarked_line = in_one_line(unmarked, f"no file of this stem is in {marks.name}/")
    return Found(entries, [*unmarked_line, *wrong])


def _entries(file: str, image: Path, marked: Path, names: dict[str, str]) -> list[Entry]:
    """An entry for each class that the file of marks holds; one of a good part if it is empty."""
    objects = _read_objects(marked)
    if not objects:
        return [Entry(name=file, image=image, category="", empty=True)]
    found = []
    for key, shapes in objects.items():
        category = class_name(key, names, marked)
        name, locate = f"{file}#{category}", partial(_locate, shapes)
        found.append(Entry(name=name, image=image, category=category, key=key, locate=locate))
    return found


def marks_folder(path: Path) -> Path | None:
    """The folder of marks beside `images/`; None where one of both is missing."""
    folders = [path / name for name in MARKS if (path / name).is_dir()]
    return folders[0] if folders and (path / "images").is_dir() else None


def _read_objects(path: Path) -> Objects:
    """By class id, the shapes in a file: a box `(4,)` or an outline `(n, 2)`, relative."""
    objects: Objects = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            key, shape = _read_line(line, f"{path} line {number}")
            objects.setdefault(key, []).append(shape)
    return objects


def _read_line(line: str, place: str) -> tuple[str, FloatArray]:
    key, *words = line.split()
    try:
        values = np.array([float(word) for word in words], np.float64)
    except ValueError:
        values = np.empty(0, np.float64)
    known = key.isdecimal() and len(key) < _DIGITS
    if not known or not (len(values) == 4 or (len(values) >= 6 and len(values) % 2 == 0)):
        raise DatasetError(
            f"{place}: expected 'class cx cy w h' or 'class x1 y1 x2 y2 x3 y3 ...', got "
            f"'{brief(line.strip())}'"
        )
    if not np.all((values >= -_SLACK) & (values <= 1 + _SLACK)):
        raise DatasetError(
            f"{place}: expected values relative to the picture's size, 0 to 1, got "
            f"{values.min():g} to {values.max():g}; divide pixels by width and height"
        )
    shape = values.astype(np.float32)
    if len(shape) == 4:
        (x, y), half = shape[:2], shape[2:] / 2
        if half.min() < 0:
            raise DatasetError(f"{place}: expected no width or height below 0, got '{brief(line)}'")
        box = np.array([x - half[0], y - half[1], x + half[0], y + half[1]], np.float32)
        return str(int(key)), box
    return str(int(key)), np.clip(shape, 0, 1).reshape(-1, 2)


def _locate(shapes: list[FloatArray], size: tuple[int, int]) -> GroundTruth:
    """Boxes and mask in pixels of a picture of `size` `(H, W)`."""
    scale = np.array([size[1], size[0]], np.float32)
    boxes = [
        np.clip(shape, 0, 1) * np.tile(scale, 2) if shape.ndim == 1 else _around(shape * scale)
        for shape in shapes
    ]
    stacked = np.stack(boxes).astype(np.float32)
    mask = fill_boxes(stacked[[shape.ndim == 1 for shape in shapes]], size)
    for shape in shapes:
        if shape.ndim == 2:
            fill_outline(shape * scale, mask)
    return GroundTruth(stacked, mask)


def _around(outline: FloatArray) -> FloatArray:
    return np.concatenate([outline.min(axis=0), outline.max(axis=0)])
