"""Data sets that say where a class is: YOLO, masks, COCO; every mask drawn by hand."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from camruntime.datasets import Dataset, GroundTruth, open_dataset
from camruntime.errors import DatasetError, MissingDependencyError

SIZE = (4, 8)
LABELS = ("cat", "dog")


def _picture(path: Path, pixels: NDArray[np.integer] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((*SIZE, 3), np.uint8) if pixels is None else pixels)


def _mask(drawing: str) -> NDArray[np.bool_]:
    return np.array([[cell == "#" for cell in row] for row in drawing.split()])


def _located(dataset: Dataset, name: str, size: tuple[int, int] = SIZE) -> GroundTruth:
    locate = {sample.name: sample for sample in dataset.samples}[name].locate
    assert locate is not None
    found = locate(size)
    assert found.boxes.dtype == np.float32
    assert found.mask.dtype == np.bool_
    return found


def _yolo(path: Path, text: str, marks: str = "labels") -> Path:
    _picture(path / "images" / "a.png")
    (path / marks).mkdir()
    (path / marks / "a.txt").write_text(text)
    return path


def test_yolo_boxes(tmp_path: Path) -> None:
    root = _yolo(tmp_path, "0 .25 .5 .25 .5\n1 .9375 .125 .125 .25\n\n0 .5 .875 .25 .25\n")
    _picture(root / "images" / "b.png")
    dataset = open_dataset(root, LABELS)
    assert [(one.name, one.category, one.classes) for one in dataset.samples] == [
        ("a.png#0", "0", (0,)),
        ("a.png#1", "1", (1,)),
    ]
    assert dataset.left_out == ("b.png: no file of this stem is in labels/",)
    cat = _located(dataset, "a.png#0")
    np.testing.assert_array_equal(cat.boxes, [[1, 1, 3, 3], [3, 3, 5, 4]])
    np.testing.assert_array_equal(cat.mask, _mask("........ .##..... .##..... ...##..."))
    dog = _located(dataset, "a.png#1", (8, 8))  # the photograph's size counts
    np.testing.assert_array_equal(dog.boxes, [[7, 0, 8, 2]])
    assert dog.mask.sum() == 2


def test_a_pixel_is_in_a_box_when_its_centre_is(tmp_path: Path) -> None:
    # x from 1.4 to 2.6, y from 1.8 to 2.2: no centre in y, so that one row is kept.
    dataset = open_dataset(_yolo(tmp_path, "0 .25 .5 .15 .1"), LABELS)
    found = _located(dataset, "a.png#0")
    np.testing.assert_allclose(found.boxes, [[1.4, 1.8, 2.6, 2.2]], rtol=1e-6)
    np.testing.assert_array_equal(found.mask, _mask("........ ........ .##..... ........"))


def test_yolo_polygons_are_filled_each_for_itself(tmp_path: Path) -> None:
    square = "0 .1875 .375 .4375 .375 .4375 .875 .1875 .875"  # x 1.5 to 3.5, y 1.5 to 3.5
    again = "0 .3125 .375 .5625 .375 .5625 .625 .3125 .625"  # x 2.5 to 4.5, y 1.5 to 2.5
    dataset = open_dataset(_yolo(tmp_path, f"{square}\n{again}", "polygons"), LABELS)
    found = _located(dataset, "a.png#0")
    np.testing.assert_array_equal(found.boxes, [[1.5, 1.5, 3.5, 3.5], [2.5, 1.5, 4.5, 2.5]])
    # What both hold is no hole; pixels on the outline count.
    np.testing.assert_array_equal(found.mask, _mask("........ .####... .####... .###...."))


def test_yolo_boxes_come_before_polygons(tmp_path: Path) -> None:
    root = _yolo(tmp_path, "0 .5 .5 1 1", "boxes")
    (root / "polygons").mkdir()
    (root / "polygons" / "a.txt").write_text("1 0 0 1 0 1 1")
    assert [one.name for one in open_dataset(root, LABELS).samples] == ["a.png#0"]


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("classes.yaml", "path: .\nnames:\n  0: bird\n  3: dog # good\n"),
        ("data.yaml", "nc: 4\nnames: [bird, a, b, 'dog']\n"),
        ("dataset.yaml", "names:\n  - bird\n  - a\n  - b\n  - dog\n"),
        ("classes.txt", "bird\na\nb\ndog\n"),
    ],
)
def test_yolo_class_names(tmp_path: Path, file: str, text: str) -> None:
    root = _yolo(tmp_path, "3 .5 .5 1 1\n0 .5 .5 .5 .5")
    (root / file).write_text(text)
    dataset = open_dataset(root, LABELS)
    assert [one.category for one in dataset.samples] == ["dog"]
    assert dataset.notes == (
        "class 'bird' is none of the network's labels (known: cat, dog): 1 sample left out; "
        "rename it, or give a class map",
    )
    for class_map in ({"dog": [1]}, {"3": [1]}):  # by name or by id
        dataset = open_dataset(root, LABELS, class_map=class_map)
        (sample,) = dataset.samples
        assert (sample.name, sample.category, sample.classes) == ("a.png#dog", "dog", (1,))
        assert dataset.left_out == ("class bird: not in the class map (1 sample)",)


def test_yolo_names_without_the_id(tmp_path: Path) -> None:
    root = _yolo(tmp_path, "2 .5 .5 1 1")
    (root / "classes.txt").write_text("cat\ndog\n")
    with pytest.raises(DatasetError, match=r"a\.txt holds class 2, and the 2 class names know"):
        open_dataset(root, LABELS)
    (root / "data.yaml").write_text("train: images\n")
    with pytest.raises(DatasetError, match=r"data\.yaml: expected names as a list.*got NoneType"):
        open_dataset(root, LABELS)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 .5 .5 1", "line 1: expected 'class cx cy w h' or .* got '0 .5 .5 1'"),
        ("0 .5 .5 1 1 .9", "line 1: expected 'class cx cy w h'"),
        ("0 0 0 1 0 1 1 .5", "got '0 0 0 1 0 1 1 .5'"),
        ("cat .5 .5 1 1", "got 'cat .5 .5 1 1'"),
        ("0 .5 .5 1 x", "got '0 .5 .5 1 x'"),
        ("0 .5 .5 nan 1", "relative to the picture's size"),
        ("0 4 2 8 4", "0 to 1, got 2 to 8; divide pixels by width and height"),
    ],
)
def test_yolo_lines_of_another_form(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(_yolo(tmp_path, line), LABELS)


def test_yolo_folders_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected images/ and one of labels, boxes, polygons"):
        open_dataset(tmp_path, LABELS, "yolo")


def test_yaml_without_pyyaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _yolo(tmp_path, "0 .5 .5 1 1")
    (root / "data.yaml").write_text("names: [cat]")
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(MissingDependencyError, match=r"camexport\[evaluate\]"):
        open_dataset(root, LABELS)


DEFECT = _mask("##...... ##...... ..#..... .......#")


def test_masks_beside_their_pictures(tmp_path: Path) -> None:
    _picture(tmp_path / "crack" / "a.jpg")
    _picture(tmp_path / "crack" / "a.png", DEFECT * np.uint8(255))
    _picture(tmp_path / "Dog" / "b.png")
    _picture(tmp_path / "Dog" / "b_mask.png", DEFECT * np.uint8(1))
    _picture(tmp_path / "Dog" / "c.png")
    dataset = open_dataset(tmp_path, LABELS)
    assert dataset.kind == "masks"
    assert [(one.name, one.category, one.classes) for one in dataset.samples] == [
        ("Dog/b.png", "Dog", (1,)),
        ("Dog/c.png", "Dog", (1,)),
        ("crack/a.jpg", "crack", ()),
    ]
    assert dataset.left_out == ("Dog/c.png: has no mask, used only where no place is needed",)
    assert dataset.samples[1].locate is None
    for name in ("Dog/b.png", "crack/a.jpg"):
        found = _located(dataset, name)
        np.testing.assert_array_equal(found.mask, DEFECT)
        np.testing.assert_array_equal(found.boxes, [[0, 0, 3, 3], [7, 3, 8, 4]])


@pytest.mark.parametrize(
    ("image", "mask", "category"),
    [
        ("images/a.png", "masks/a.bmp", ""),
        ("images/hole/a.png", "masks/hole/a.png", "hole"),
        ("hole/images/a.png", "hole/masks/a_mask.png", "hole"),
        ("a.png", "masks/a.png", ""),
    ],
)
def test_masks_in_a_folder_of_their_own(
    tmp_path: Path, image: str, mask: str, category: str
) -> None:
    _picture(tmp_path / image)
    _picture(tmp_path / mask, DEFECT * np.uint8(255))
    dataset = open_dataset(tmp_path, LABELS)
    (sample,) = dataset.samples
    assert (dataset.kind, sample.name, sample.category) == ("masks", image, category)
    np.testing.assert_array_equal(_located(dataset, image).mask, DEFECT)


def test_a_class_map_adds_to_masks_and_leaves_none_out(tmp_path: Path) -> None:
    for folder in ("crack", "dog", "hole"):
        _picture(tmp_path / folder / "a.jpg")
        _picture(tmp_path / folder / "a.png", DEFECT * np.uint8(255))
    dataset = open_dataset(tmp_path, LABELS, class_map={"crack": [0, 1]})
    assert [one.classes for one in dataset.samples] == [(0, 1), (1,), ()]
    assert dataset.left_out == ()


@pytest.mark.parametrize(
    ("pixels", "drawing"),
    [
        (np.array([[0, 90, 127, 128, 255]], np.uint8), "...##"),  # smooth edges
        (np.array([[0, 1, 2, 0, 127]], np.uint8), ".##.#"),  # numbers of classes
        (np.array([[0, 1, 200, 300, 65535]], np.uint16), ".####"),
        (np.array([[[0, 0, one, 255] for one in (0, 0, 1, 0, 0)]], np.uint8), "..#.."),  # alpha
    ],
)
def test_what_counts_in_a_mask(tmp_path: Path, pixels: NDArray[np.integer], drawing: str) -> None:
    _picture(tmp_path / "a.jpg")
    _picture(tmp_path / "a.png", pixels)
    found = _located(open_dataset(tmp_path, LABELS), "a.jpg", (1, 5))
    np.testing.assert_array_equal(found.mask, _mask(drawing))


def test_a_mask_of_another_size_is_scaled(tmp_path: Path) -> None:
    _picture(tmp_path / "a.jpg")
    _picture(tmp_path / "a.png", np.array([[0, 255], [0, 0]], np.uint8))
    found = _located(open_dataset(tmp_path, LABELS), "a.jpg")
    np.testing.assert_array_equal(found.mask, _mask("....#### ....#### ........ ........"))
    np.testing.assert_array_equal(found.boxes, [[4, 0, 8, 2]])


def test_empty_and_broken_masks(tmp_path: Path) -> None:
    for name in "ab":
        _picture(tmp_path / f"{name}.jpg")
    _picture(tmp_path / "a.png", np.zeros(SIZE, np.uint8))
    (tmp_path / "b.png").write_text("no picture")
    dataset = open_dataset(tmp_path, LABELS)
    assert [(one.name, one.locate) for one in dataset.samples] == [("a.jpg", None)]
    (broken,) = dataset.left_out
    assert broken.startswith("b.jpg: the mask ")
