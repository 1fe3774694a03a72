"""COCO's JSON: a picture of 4 x 8 pixels, every mask drawn by hand."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from camruntime.datasets import Sample, open_dataset
from camruntime.errors import DatasetError, MissingDependencyError

LABELS = ("cat", "dog")
CAT: dict[str, Any] = {
    "id": 1,
    "image_id": 7,
    "category_id": 17,
    "bbox": [1, 1, 2, 2],
    "segmentation": [[1, 1, 3, 1, 3, 3, 1, 3]],
    "area": 4,
}
BY_COLUMNS = {"size": [4, 8], "counts": [24, 8]}
"""The two columns on the right, as a run-length code."""


def _coco(folder: Path, *annotations: dict[str, Any], name: str = "cats.json") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "images": [{"id": 7, "file_name": "a.png", "height": 4, "width": 8}],
        "annotations": [{**one, "id": number} for number, one in enumerate(annotations, 1)],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
    }
    (folder / name).write_text(json.dumps(content))
    return folder / name


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((4, 8, 3), np.uint8))


def _check(sample: Sample, size: tuple[int, int], boxes: list[list[float]], drawing: str) -> None:
    assert sample.locate is not None
    regions = sample.locate(size)
    np.testing.assert_array_equal(regions.boxes, np.array(boxes, np.float32))
    mask = [[cell == "#" for cell in row] for row in drawing.split()]
    np.testing.assert_array_equal(regions.mask, mask)


def test_objects_of_a_class_are_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _picture(tmp_path / "a.png")
    right = CAT | {"bbox": [6, 0, 2, 4], "segmentation": BY_COLUMNS}
    crowd = CAT | {"bbox": [0, 0, 8, 4], "segmentation": BY_COLUMNS, "iscrowd": 1}
    boxed = CAT | {"category_id": 18, "bbox": [4, 3, 2, 1], "segmentation": []}
    dataset = open_dataset(_coco(tmp_path, CAT, right, crowd, boxed), LABELS)
    assert capsys.readouterr().out == ""
    assert (dataset.kind, dataset.left_out) == ("coco", ())
    cat, dog = dataset.samples
    assert (cat.name, cat.category, cat.classes) == ("a.png#cat", "cat", (0,))
    assert (dog.name, dog.classes, dog.image) == ("a.png#dog", (1,), tmp_path / "a.png")
    boxes: list[list[float]] = [[1, 1, 3, 3], [6, 0, 8, 4]]
    _check(cat, (4, 8), boxes, "......## .##...## .##...## ......##")
    _check(dog, (4, 8), [[4, 3, 6, 4]], "........ ........ ........ ....##..")


def test_a_photograph_of_another_size(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    (cat,) = open_dataset(_coco(tmp_path, CAT), LABELS).samples
    empty, full = f"{'.' * 16} ", f"..####{'.' * 10} "
    _check(cat, (8, 16), [[2, 2, 6, 6]], empty * 2 + full * 4 + empty * 2)
    assert cat.locate is not None
    with pytest.raises(DatasetError, match="for 8 x 4 pixels, and the picture has 4 x 8: turn it"):
        cat.locate((8, 4))


@pytest.mark.parametrize("place", ["annotations", "annotations/images", "val2017", "images"])
def test_where_pictures_may_be(tmp_path: Path, place: str) -> None:
    path = _coco(tmp_path / "annotations", CAT, name="instances_val2017.json")
    _picture(tmp_path / place / "a.png")
    assert open_dataset(path, LABELS).samples[0].image == tmp_path / place / "a.png"


def test_pictures_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no sample: a\.png: no such picture in .*/images, "):
        open_dataset(_coco(tmp_path, CAT), LABELS)


def test_categories_are_mapped_by_name_or_id(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    path = _coco(tmp_path, CAT, CAT | {"category_id": 18})
    for key in ("cat", "17"):
        dataset = open_dataset(path, ("x", "y", "z"), class_map={key: [2, 1]})
        assert [(one.category, one.classes) for one in dataset.samples] == [("cat", (2, 1))]
        assert dataset.left_out == ("class dog: not in the class map (1 sample)",)


@pytest.mark.parametrize("text", ["{", "[1]", '{"images": [], "annotations": [{}]}'])
def test_other_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DatasetError, match="is not COCO's JSON of objects"):
        open_dataset(tmp_path / "a.json", LABELS)


def test_pycocotools_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycocotools.coco", None)
    with pytest.raises(MissingDependencyError, match=r"camexport\[evaluate\]"):
        open_dataset(_coco(tmp_path, CAT), LABELS)
