"""What a data set's classes, empty marks and masks mean to a network, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from camruntime.datasets import Dataset, open_dataset

LABELS = ("good", "scratch", "hole")
BOX = "1 .5 .5 .5 .5"


def _picture(path: Path, value: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((4, 8, 3), value, np.uint8))


def _yolo(folder: Path, **marks: str) -> Path:
    for stem, text in marks.items():
        _picture(folder / "images" / f"{stem}.png")
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"{stem}.txt").write_text(text)
    (folder / "classes.txt").write_text("good\nscratch\ndent\n")
    return folder


def _coco(folder: Path) -> Path:
    for stem in "ab":
        _picture(folder / f"{stem}.png")
    mark = {"id": 1, "image_id": 1, "category_id": 5, "bbox": [1, 1, 2, 2]}
    content = {
        "images": [
            {"id": number, "file_name": f"{stem}.png", "height": 4, "width": 8}
            for number, stem in enumerate("ab", 1)
        ],
        "annotations": [mark],
        "categories": [{"id": 5, "name": "scratch"}],
    }
    (folder / "c.json").write_text(json.dumps(content))
    return folder / "c.json"


def _masks(folder: Path) -> Path:
    for stem, value in (("a", 255), ("b", 0)):
        _picture(folder / f"{stem}.jpg")
        _picture(folder / f"{stem}_mask.png", value)
    return folder


def _good(dataset: Dataset) -> list[tuple[str, tuple[int, ...], str]]:
    found = [one for one in dataset.samples if one.good]
    assert all(one.locate is None for one in found)
    return [(one.name, one.classes, one.category) for one in found]


@pytest.mark.parametrize(
    ("kind", "name"), [("yolo", "b.png"), ("coco", "b.png"), ("masks", "b.jpg")]
)
def test_pictures_on_which_nothing_is_marked_are_good_parts(
    tmp_path: Path, kind: str, name: str
) -> None:
    made = {"yolo": lambda path: _yolo(path, a=BOX, b=" \n"), "coco": _coco, "masks": _masks}
    path = made[kind](tmp_path)
    dataset = open_dataset(path, LABELS, good=0)
    assert _good(dataset) == [(name, (0,), "good")]
    assert len(dataset.samples) == 2
    assert "1 picture without any object is a good part, class 'good'" in dataset.notes
    unnamed = open_dataset(path, LABELS)
    assert _good(unnamed) == [(name, (), "")]
    (said,) = [line for line in unnamed.notes if "good part" in line]
    assert "`camexport build --good LABEL`" in said
    assert "count neither in the accuracy nor as false alarms" in said


def test_the_good_class_is_good_however_it_is_said(tmp_path: Path) -> None:
    for name in ("good/a.png", "hole/b.png"):
        _picture(tmp_path / "folders" / name)
    (tmp_path / "l.csv").write_text("folders/good/a.png,GOOD\nfolders/hole/b.png,hole\n")
    boxed = _yolo(tmp_path / "yolo", a="0 .5 .5 .5 .5", b=BOX)
    for path, name in (
        (tmp_path / "folders", "good/a.png"),
        (tmp_path / "l.csv", "folders/good/a.png"),
        (boxed, "a.png#good"),
    ):
        dataset = open_dataset(path, LABELS, good=0)
        assert [found[:2] for found in _good(dataset)] == [(name, (0,))]
        assert dataset.notes == ()
        assert _good(open_dataset(path, LABELS)) == []


def test_a_class_that_the_network_lacks_is_left_out_and_said(tmp_path: Path) -> None:
    path = _yolo(tmp_path, a=BOX, b="2 .5 .5 .5 .5", c=f"2 .5 .5 .5 .5\n{BOX}")
    dataset = open_dataset(path, (*LABELS, "bent"))
    assert [one.name for one in dataset.samples] == ["a.png#scratch", "c.png#scratch"]
    assert dataset.notes == (
        "class 'dent' is none of the network's labels (did you mean bent): 2 samples left out; "
        "rename it, or give a class map",
    )


def test_many_classes_that_it_lacks_share_a_line(tmp_path: Path) -> None:
    for name in ("hole", *(f"new{number}" for number in range(7))):
        _picture(tmp_path / name / "a.png")
    _picture(tmp_path / "new6" / "b.png")
    *each, rest = open_dataset(tmp_path, LABELS).notes
    assert [line.split("'")[1] for line in each] == ["new0", "new1", "new2", "new3", "new4"]
    assert rest == (
        "2 more classes are none of the network's labels: 'new5' 1, 'new6' 2; of these 3 samples "
        "left out"
    )


def test_a_mask_of_an_unknown_class_is_a_defect_of_any_kind(tmp_path: Path) -> None:
    for folder, value in (("dent", 255), ("hole", 255), ("tile", 0)):
        _picture(tmp_path / folder / "a.jpg")
        _picture(tmp_path / folder / "a_mask.png", value)
    _picture(tmp_path / "nick" / "a.jpg")
    dataset = open_dataset(tmp_path, LABELS, good=0)
    classes = {one.category: (one.classes, one.good) for one in dataset.samples}
    assert classes == {
        "dent": ((1, 2), False),
        "hole": ((2,), False),
        "nick": ((), False),
        "tile": ((0,), True),
    }
    none = "is none of the network's labels (known: good, scratch, hole)"
    assert dataset.notes == (
        f"class 'dent' {none}: 1 sample taken for a defect of any kind, all classes but 'good'",
        f"class 'nick' {none}: the network's own top class is explained for 1 sample",
        "1 picture without any object is a good part (tile 1), class 'good'",
    )
    unnamed = open_dataset(tmp_path, LABELS)
    assert {one.category: one.classes for one in unnamed.samples}["dent"] == ()
    assert "'dent'" in unnamed.notes[0]
    assert "top class is explained for 1 sample" in unnamed.notes[0]


def test_an_empty_mask_does_not_make_a_hole_good(tmp_path: Path) -> None:
    _picture(tmp_path / "hole" / "a.jpg")
    _picture(tmp_path / "hole" / "a_mask.png", 0)
    (sample,) = open_dataset(tmp_path, LABELS, "masks", good=0).samples
    assert (sample.classes, sample.good, sample.locate) == ((2,), False, None)


def test_classes_by_number_are_said(tmp_path: Path) -> None:
    for name in ("0", "2"):
        _picture(tmp_path / name / "a.png")
    dataset = open_dataset(tmp_path, LABELS)
    assert dataset.notes == (
        "classes given by number are taken for the network's: 0 'good', 2 'hole'",
    )
    assert open_dataset(tmp_path, ("0", "1", "2")).notes == ()
