"""Bad samples in every layout: each is left out with its reason, and the others are there."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from camruntime.datasets import Dataset, open_dataset, read_class_map
from camruntime.errors import CamError, DatasetError

LABELS = ("cat", "dog")
SIZE = (4, 8)
BOX: dict[str, Any] = {"category_id": 1, "bbox": [1, 1, 2, 2]}
LONG = "a" * 300


def _picture(path: Path, pixels: Any = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((*SIZE, 3), np.uint8) if pixels is None else pixels)


def _coco(folder: Path, *bad: dict[str, Any], **more: Any) -> Path:
    """Picture 1 has a good cat; picture 2 what is bad, each annotation a dog's or of its own."""
    for name in ("1.png", "2.png"):
        _picture(folder / name)
    images = [{"id": k, "file_name": f"{k}.png", "height": 4, "width": 8} for k in (1, 2)]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    marks = [
        {"image_id": 1, **BOX},
        *({"image_id": 2, **BOX, "category_id": 2} | one for one in bad),
    ]
    content = {"images": images, "annotations": marks, "categories": categories} | more
    (folder / "c.json").write_text(json.dumps(content))
    return folder / "c.json"


def _names(dataset: Dataset) -> list[str]:
    return [sample.name for sample in dataset.samples]


def _rle(counts: Any, size: Any = (4, 8)) -> dict[str, Any]:
    return {"segmentation": {"size": list(size), "counts": counts}}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"segmentation": [[1, 1, 3, 1, 1e8, 3]]}, "a polygon reaches from 1 to 1e+08, far beyond"),
        ({"segmentation": [[1, 1, 3, 1, -1e300, 3]]}, "far beyond the picture of 8 x 4"),
        ({"segmentation": [[1, 1, 3, 1, 3]]}, "has 5 numbers: expected pairs, at least 3"),
        ({"segmentation": [[1, 1, 3, 1]]}, "has 4 numbers"),
        ({"segmentation": [[]]}, "has 0 numbers"),
        ({"segmentation": [1, 1, 3, 1, 3, 3]}, "as lists of numbers or as a run-length code"),
        ({"segmentation": [[1, 1, 3, 1, "3", 3]]}, "as lists of numbers"),
        ({"segmentation": "1,1,3"}, "as lists of numbers"),
        ({"segmentation": [[True] * 6]}, "as lists of numbers"),
        (_rle([24, 9]), "add up to 33 pixels of 32"),
        (_rle([24]), "add up to 24 pixels of 32"),
        (_rle([40, -8]), "not numbers of pixels, 0 or more"),
        (_rle([24, 8.0]), "not numbers of pixels"),
        (_rle([10**17, 1]), "add up to"),
        (_rle([24, 8], (8, 4)), "its size is [8, 4], the picture's [4, 8]"),
        (_rle([24, 8], (4,)), "its size is [4]"),
        (_rle("H8~"), "hold '~' where no such character"),
        (_rle("H8\u2026"), "where no such character"),
        (_rle("Ho"), "are cut off"),
        (_rle("oooooooooooo0"), "where no such character"),
        (_rle(None), "not numbers of pixels"),
        ({"bbox": [1, 2]}, "expected bbox [left, top, width, height], got [1, 2]"),
        ({"bbox": [1, 1, -2, 2]}, "expected bbox"),
        ({"bbox": None}, "expected bbox"),
        ({"bbox": ["1", "1", "2", "2"]}, "expected bbox"),
        ({"bbox": [100, 1, 2, 2]}, "is not on the picture"),
        ({"bbox": [1, 1, 1e300, 1]}, "its bbox reaches from 1 to 1e+300, far beyond the picture"),
        ({"bbox": [-1e8, 1, 1e8, 1]}, "its bbox reaches from -1e+08 to 2, far beyond"),
        ({"category_id": 99}, "its category_id 99 has no name"),
        ({"category_id": [1]}, "its category_id [1] has no name"),
    ],
)
def test_coco_annotations(tmp_path: Path, bad: dict[str, Any], said: str) -> None:
    dataset = open_dataset(_coco(tmp_path, bad), LABELS)
    assert _names(dataset) == ["1.png#cat"]
    (line,) = dataset.left_out
    assert line.startswith("2.png#")
    assert said in line


def test_coco_codes_that_are_good(tmp_path: Path) -> None:
    """The same columns as a list, and compressed by hand: 24 is 16 + 8, that is 'h0'; 8 is '8'."""
    for number, counts in enumerate(([24, 8], "h08")):
        (_, dog) = open_dataset(_coco(tmp_path / str(number), _rle(counts)), LABELS).samples
        assert dog.locate is not None
        mask = np.zeros(SIZE, np.bool_)
        mask[:, 6:] = True
        np.testing.assert_array_equal(dog.locate(SIZE).mask, mask)


def test_coco_codes_are_those_of_pycocotools(tmp_path: Path) -> None:
    from pycocotools import mask as reference

    from camruntime.regions import decode_rle

    rng = np.random.default_rng(3)
    for _ in range(50):
        height, width = rng.integers(1, 60, 2).tolist()
        drawn = np.asfortranarray(rng.random((height, width)) < rng.random(), np.uint8)
        code = reference.encode(drawn)
        text = {"size": code["size"], "counts": code["counts"].decode()}
        np.testing.assert_array_equal(decode_rle(text, (height, width)), drawn > 0)


@pytest.mark.parametrize(
    "more",
    [
        {"height": 10**6, "width": 10**6},
        {"height": 0},
        {"height": "4"},
        {"height": None},
        {"width": -8},
        {"width": 8.5},
    ],
)
def test_coco_sizes_take_no_memory(tmp_path: Path, more: dict[str, Any]) -> None:
    images = [
        {"id": 1, "file_name": "1.png", "height": 4, "width": 8},
        {"id": 2, "file_name": "2.png", "height": 4, "width": 8} | more,
    ]
    dataset = open_dataset(_coco(tmp_path, {}, images=images), LABELS)
    assert _names(dataset) == ["1.png#cat"]
    assert "expected height and width in pixels" in dataset.left_out[0]


def test_coco_pictures_and_categories(tmp_path: Path) -> None:
    good = {"id": 1, "file_name": "1.png", "height": 4, "width": 8}
    images = [good, good, 3, {"id": 5}, {"file_name": "2.png"}, good | {"id": 6, "file_name": LONG}]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": ""}, {"id": 3}, None]
    marks = [{"image_id": 1, **BOX}, {"image_id": 9, **BOX}, "x", {"id": 4}, {"image_id": {}}]
    path = _coco(tmp_path, images=images, categories=categories, annotations=marks)
    dataset = open_dataset(path, LABELS)
    assert _names(dataset) == ["1.png#cat"]
    lines = "\n".join(dataset.left_out)
    assert lines.count("expected a picture with file_name and an id of its own") == 4
    assert lines.count("expected an id of its own and a name") == 3
    assert lines.count("expected an object with image_id") == 3
    assert "1 annotations: of pictures that are not in the list" in lines
    assert "no such picture in" in lines


@pytest.mark.parametrize(
    "text",
    [
        '{"images": [], "annotations": [], "categories": [], "images": []}',
        '{"images": [NaN], "annotations": [], "categories": []}',
        '{"images": [1e999], "annotations": [], "categories": []}',
        '{"images": [' + "9" * 400 + '], "annotations": [], "categories": []}',
        "[" * 100_000,
        '{"images": ' + "[" * 900 + "]" * 900 + ', "annotations": [], "categories": []}',
        '{"images": {}, "annotations": [], "categories": []}',
        "null",
        "",
        "\0",
        '{"a": "\ud800"}'.encode("utf-8", "surrogatepass").decode("latin-1"),
    ],
)
def test_json_of_another_form(tmp_path: Path, text: str) -> None:
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(DatasetError, match=r"c\.json is not COCO's JSON") as refused:
        open_dataset(tmp_path / "c.json", LABELS)
    assert len(str(refused.value)) < 500
    with pytest.raises(DatasetError):
        read_class_map(tmp_path / "c.json", 2)


def _yolo(folder: Path, line: str) -> Path:
    for name, marks in (("a", "0 .5 .5 .5 .5"), ("b", f"0 .5 .5 .5 .5\n{line}")):
        _picture(folder / "images" / f"{name}.png")
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"{name}.txt").write_text(marks)
    return folder


@pytest.mark.parametrize(
    "line",
    [
        "0 1.5 .5 .5 .5", "0 .5 .5 nan .5", "0 .5 .5 inf .5", "0 .5 .5 -.005 .5", "0 -1 .5 .5 .5",
        "0 .5 .5 1e400 .5", "-1 .5 .5 .5 .5", "1.5 .5 .5 .5 .5", f"{'9' * 5000} .5 .5 .5 .5",
        "0 .5 .5 .5", "0 .1 .1 .2 .1 .2", "0 .1 .1 .2 .1 .2 nan", "0 \0 .5 .5 .5", "{} [] , ; :",
    ],
)  # fmt: skip
def test_yolo_lines(tmp_path: Path, line: str) -> None:
    dataset = open_dataset(_yolo(tmp_path, line), LABELS)
    assert _names(dataset) == ["a.png#0"]
    (left,) = dataset.left_out
    assert left.startswith("b.png: ")
    assert "line 2" in left
    assert len(left) < 400
    assert left.isprintable()


def test_yolo_marks_that_are_no_text(tmp_path: Path) -> None:
    _yolo(tmp_path, "").joinpath("labels", "b.txt").write_bytes(b"0 .5 .5 .5 .5 \xff\xfe")
    dataset = open_dataset(tmp_path, LABELS)
    assert _names(dataset) == ["a.png#0"]
    assert "not a text in UTF-8" in dataset.left_out[0]


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [{f'*a{k - 1}, ' * 9}]\n" for k in range(1, 30))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (f"{BOMB}names: *a29\n", "expected a name for id 0, got sequence"),
        (f"{BOMB}names: {{0: *a29}}\n", "expected a name for id 0, got sequence"),
        ("names: &a [*a]\n", "expected a name for id 0"),
        ("names: {? [1, 2] : cat}\n", "expected ids as the keys of names"),
        (f"{BOMB}names: {{? *a29 : cat}}\n", "expected ids as the keys of names"),
        ("names: " + "[" * 20_000, "not YAML"),
        ("names: {0: cat, 0: dog}\n", "an id has two names"),
        ("names: [cat]\nnames: [dog]\n", "holds names 2 times"),
        ("names: [cat, '']\n", "expected a name for id 1"),
        ("names: {0: }\n", "expected a name for id 0"),
        ("names: 3\n", "got scalar"),
        ("[cat]\n", "got NoneType"),
        ("", "got NoneType"),
        ('names: ["\\UFFFFFFFF"]\n', "not YAML"),
        ("names: [cat\n", "not YAML"),
        ("a: 1\n---\nb: 2\n", "not YAML"),
        ("names: [*nobody]\n", "not YAML"),
        ("names: [" + "x" * 2**20 + "]\n", "expected at most 1048576"),
    ],
)
def test_yaml_of_another_form(tmp_path: Path, names: str, said: str) -> None:
    (_yolo(tmp_path, "") / "data.yaml").write_text(names)
    tracemalloc.start()
    with pytest.raises(DatasetError) as refused:
        open_dataset(tmp_path, LABELS)
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert taken < 100e6


@pytest.mark.parametrize(
    "name", ["2020-01-01", "no", "1e3", "!!python/object:os.system cat", "0x1"]
)
def test_names_in_yaml_are_what_stands_there(tmp_path: Path, name: str) -> None:
    (_yolo(tmp_path, "") / "data.yaml").write_text(f"2001-01-01: 3\nnames:\n  0: {name}\n")
    (category,) = {one.category for one in open_dataset(tmp_path, (name.split()[-1],)).samples}
    assert category == name.split()[-1]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f"{LONG}.png,cat", "no such file"),
        ("\0.png,cat", "no such file"),
        ("a.png;cat", "columns are separated by commas"),
        ("a.png\tcat", "columns are separated by commas"),
        ("a.png,cat,3,4", "line 2: expected file,class, got 4 columns"),
        ('"a\nb.png",cat', "no such file"),
        ("../nowhere.png,cat", "no such file"),
        (",cat", "no such file"),
        (".,cat", "no such file"),
        ("\x1b[31mred.png,cat", "no such file"),
    ],
)
def test_rows_of_a_list(tmp_path: Path, row: str, said: str) -> None:
    _picture(tmp_path / "a.png")
    (tmp_path / "l.csv").write_text(f"a.png,cat\n{row}\n", "utf-8-sig")
    dataset = open_dataset(tmp_path / "l.csv", LABELS)
    assert _names(dataset) == ["a.png"]
    (line,) = dataset.left_out
    assert said in line
    assert line.isprintable()
    assert len(line) < 400


def test_a_list_may_leave_its_folder(tmp_path: Path) -> None:
    """It only says what is read; and a name may have what ends a line elsewhere."""
    odd = "a\nb \u2028c.png"
    _picture(tmp_path / "images" / odd)
    (tmp_path / "lists").mkdir()
    whole = tmp_path / "images" / odd
    (tmp_path / "lists" / "l.csv").write_text(f'"../images/{odd}",cat\n"{whole}",dog\n', newline="")
    dataset = open_dataset(tmp_path / "lists" / "l.csv", LABELS)
    assert sorted(_names(dataset)) == sorted([f"../images/{odd}", str(whole)])


@pytest.mark.parametrize("content", [b'a.png,cat\n"b.png,cat\n', b"a.png,c\xe4t\n", b"\xff\xfea\0"])
def test_lists_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    _picture(tmp_path / "a.png")
    (tmp_path / "l.csv").write_bytes(content)
    with pytest.raises(DatasetError, match=r"l\.csv (line \d )?is not "):
        open_dataset(tmp_path / "l.csv", LABELS)


def test_a_pipe_is_no_data_set(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "l.csv")
    with pytest.raises(DatasetError, match="expected a file"):
        open_dataset(tmp_path / "l.csv", LABELS, "csv")


def test_a_class_folder_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cat/a.png", "dog/b.png"):
        _picture(tmp_path / name)
    real: Callable[[Path], Any] = Path.iterdir

    def closed(folder: Path) -> Any:
        if folder.name == "dog":
            raise PermissionError(13, "Permission denied")
        return real(folder)

    monkeypatch.setattr(Path, "iterdir", closed)
    dataset = open_dataset(tmp_path, LABELS)
    assert _names(dataset) == ["cat/a.png"]
    assert dataset.left_out[0].startswith("dog: cannot read ")


def test_masks_of_another_picture(tmp_path: Path) -> None:
    """Of the same proportions it is scaled; else it was drawn for another picture."""
    white = np.full((2, 4), 255, np.uint8)
    masks = {"same": white, "turned": np.full((8, 4), 255, np.uint8), "nan": np.full(SIZE, np.nan)}
    for name, mask in masks.items():
        _picture(tmp_path / f"{name}.jpg")
        suffix = "tiff" if name == "nan" else "png"
        _picture(
            tmp_path / "masks" / f"{name}.{suffix}",
            mask.astype(np.float32) if name == "nan" else mask,
        )
    dataset = open_dataset(tmp_path, LABELS)
    assert _names(dataset) == ["same.jpg", "turned.jpg"]
    assert "holds NaN or infinity" in dataset.left_out[0]
    same, turned = (sample.locate for sample in dataset.samples)
    assert same is not None
    assert turned is not None
    assert same(SIZE).mask.all()
    with pytest.raises(
        DatasetError, match="drawn for 4 x 8 pixels, and the picture has 8 x 4: turn"
    ):
        turned(SIZE)


def test_samples_of_one_name_are_one(tmp_path: Path) -> None:
    twice = [{"id": k, "file_name": "1.png", "height": 4, "width": 8} for k in (1, 2)]
    dataset = open_dataset(_coco(tmp_path, {"category_id": 1}, images=twice), LABELS)
    assert _names(dataset) == ["1.png#cat"]
    assert dataset.left_out == ("1.png#cat: another sample is called so",)


def test_nothing_but_our_errors_of_random_bytes(tmp_path: Path) -> None:
    """Bytes flipped in files that are good: a data set, or an error of ours."""
    rng = np.random.default_rng(15)
    _picture(tmp_path / "a.png")
    path = _coco(tmp_path, _rle("h08"), {"segmentation": [[1, 1, 3, 1, 3, 3]]})
    (tmp_path / "l.csv").write_text("a.png,cat\n1.png,dog\n")
    for file in (path, tmp_path / "l.csv"):
        content = file.read_bytes()
        for _ in range(300):
            flipped = bytearray(content)
            for place in rng.integers(0, len(content), 2):
                flipped[place] ^= 1 << int(rng.integers(8))
            file.write_bytes(flipped)
            try:
                for sample in open_dataset(file, LABELS).samples:
                    if sample.locate:
                        sample.locate(SIZE)
            except CamError:
                continue
