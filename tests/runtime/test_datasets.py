"""Data sets without places: class folders, CSV lists, layouts found out, classes matched."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from camruntime.datasets import Dataset, open_dataset, read_class_map
from camruntime.errors import DatasetError

LABELS = ("cat", "Dog", "tench, Tinca tinca", "crane, lifter", "crane, bird")


def _picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((3, 5, 3), np.uint8))


def _classes(dataset: Dataset) -> dict[str, tuple[int, ...]]:
    return {sample.name: sample.classes for sample in dataset.samples}


def _folders(path: Path, *names: str) -> Path:
    for name in names:
        _picture(path / name)
    return path


def test_a_folder_per_class(tmp_path: Path) -> None:
    root = _folders(tmp_path / "pets", "dog/b.png", "dog/a.JPG", "0/x.bmp", "Tinca tinca/t.webp")
    (root / "dog" / "notes.txt").write_text("no picture")
    (root / "birds").mkdir()
    _picture(root / "loose.png")
    dataset = open_dataset(root, LABELS)
    assert (dataset.name, dataset.kind) == ("pets", "folders")
    found = _classes(dataset)
    assert found == {
        "0/x.bmp": (0,),
        "Tinca tinca/t.webp": (2,),
        "dog/a.JPG": (1,),
        "dog/b.png": (1,),
    }
    assert list(found) == sorted(found)
    first = dataset.samples[0]
    assert (first.image, first.category, first.locate) == (root / "0/x.bmp", "0", None)
    assert dataset.left_out == (
        "birds: no picture is in this folder itself",
        "loose.png: the picture is in no class's folder",
    )


def test_a_csv_list(tmp_path: Path) -> None:
    _folders(tmp_path, "b.png", "sub/a.png", "c.png")
    lines = ["file,class", 'c.png,"tench, Tinca tinca"', "sub/a.png,cat", "b.png,", "gone.png,cat"]
    (tmp_path / "labels.csv").write_text("\n".join([*lines, "c.png,1", "c.png,1", ""]), "utf-8-sig")
    for path in (tmp_path, tmp_path / "labels.csv"):
        dataset = open_dataset(path, LABELS)
        assert dataset.kind == "csv"
        assert _classes(dataset) == {
            "b.png": (),
            "c.png#1": (1,),
            "c.png#tench, Tinca tinca": (2,),
            "sub/a.png": (0,),
        }
        assert dataset.left_out == ("gone.png: there is no such file beside labels.csv",)
    assert [sample.category for sample in dataset.samples][:2] == ["", "1"]


def test_a_first_row_is_no_header_when_its_file_exists(tmp_path: Path) -> None:
    _folders(tmp_path, "a.png").joinpath("a.png").rename(tmp_path / "file")
    (tmp_path / "list.csv").write_text("file,cat\n")
    assert _classes(open_dataset(tmp_path / "list.csv", LABELS)) == {"file": (0,)}


@pytest.mark.parametrize(
    ("name", "labels", "index"),
    [
        ("cat", ("CAT", "cat"), 1),  # as it is comes before any case
        ("1", ("1", "2"), 0),  # a label comes before an index
        ("1", ("a", "b"), 1),
        ("LIFTER", LABELS, 3),
    ],
)
def test_classes_are_matched(
    tmp_path: Path, name: str, labels: tuple[str, ...], index: int
) -> None:
    _picture(tmp_path / name / "a.png")
    assert open_dataset(tmp_path, labels).samples[0].classes == (index,)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "dogg",
            r"no sample: class 'dogg' is none of the network's labels \(did you mean Dog\): "
            "1 sample left out; rename it, or give a class map",
        ),
        ("5", "class 5 is no index of the network's classes, 0 to 4, and no label"),
        ("crane", r"class 'crane' may be any of the network's classes \[3, 4\]"),
    ],
)
def test_classes_that_match_none_or_several(tmp_path: Path, name: str, message: str) -> None:
    _picture(tmp_path / name / "a.png")
    with pytest.raises(DatasetError, match=message):
        open_dataset(tmp_path, LABELS)


def test_a_class_map_leaves_the_other_classes_out(tmp_path: Path) -> None:
    _folders(tmp_path, "bird/a.png", "cat/b.png", "cat/c.png", "person/d.png")
    dataset = open_dataset(tmp_path, LABELS, class_map={"bird": [4, 2], "person": []})
    assert _classes(dataset) == {"bird/a.png": (4, 2)}
    assert dataset.left_out == (
        "class cat: not in the class map (2 samples)",
        "class person: not in the class map (1 sample)",
    )
    with pytest.raises(DatasetError, match="no sample: class bird: not in the class map"):
        open_dataset(tmp_path, LABELS, class_map={"fish": [2]})
    with pytest.raises(DatasetError, match="gives 'bird' index 5: expected 0 to 4"):
        open_dataset(tmp_path, LABELS, class_map={"bird": [5]})


def test_a_class_map_is_read(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text('{"bird": [4, 2], "14": []}')
    assert read_class_map(path, 5) == {"bird": (4, 2), "14": ()}
    with pytest.raises(DatasetError, match="gives 'bird' index 4: expected 0 to 3"):
        read_class_map(path, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bird: 4", 'is not JSON: .*expected {"class": '),
        ("[4]", "holds a list; expected"),
        ('{"bird": 4}', "class 'bird' has 4; expected"),
        ('{"bird": [true]}', r"class 'bird' has \[true\]; expected"),
        ('{"bird": [-1]}', "index -1: expected 0 to 4"),
    ],
)
def test_class_maps_of_another_form(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(text)
    with pytest.raises(DatasetError, match=message):
        read_class_map(path, 5)


def test_a_missing_class_map(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*map\.json: No such file"):
        read_class_map(tmp_path / "map.json", 5)


def test_layouts_are_found_out(tmp_path: Path) -> None:
    for kind in ("labels", "boxes", "polygons"):
        root = _folders(tmp_path / kind, "images/a.png")
        (root / kind).mkdir()
        (root / kind / "a.txt").write_text("0 .5 .5 1 1")
        assert open_dataset(root, LABELS).kind == "yolo"
    assert open_dataset(_folders(tmp_path / "m", "cat/a.jpg", "cat/a.png"), LABELS).kind == "masks"
    assert (
        open_dataset(_folders(tmp_path / "f", "cat/a.jpg", "cat/b.png"), LABELS).kind == "folders"
    )


def test_an_unknown_layout_names_those_that_are_known(tmp_path: Path) -> None:
    _picture(tmp_path / "a.png")
    with pytest.raises(DatasetError, match=r"known way; expected one of\n  folders: a folder per"):
        open_dataset(tmp_path, LABELS)
    with pytest.raises(DatasetError, match=r"nowhere does not exist; expected one of"):
        open_dataset(tmp_path / "nowhere", LABELS)


def test_arrays_in_folders_are_said_to_need_a_list(tmp_path: Path) -> None:
    """A network of four channels has no other pictures."""
    (tmp_path / "crack").mkdir()
    np.save(tmp_path / "crack" / "1.npy", np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(DatasetError, match=r"way \(\.npy files are taken from a csv alone\); exp"):
        open_dataset(tmp_path, ["good", "crack"])
    (tmp_path / "labels.csv").write_text("crack/1.npy,crack\n")
    assert [one.name for one in open_dataset(tmp_path, ["good", "crack"]).samples] == [
        "crack/1.npy"
    ]


def test_a_kind_is_forced(tmp_path: Path) -> None:
    _folders(tmp_path, "cat/a.jpg", "cat/a.png")
    assert len(open_dataset(tmp_path, LABELS, "folders").samples) == 2
    with pytest.raises(DatasetError, match="called 'folder': did you mean folders"):
        open_dataset(tmp_path, LABELS, "folder")
    with pytest.raises(DatasetError, match=r"a\.jpg is no folder: expected for kind masks"):
        open_dataset(tmp_path / "cat/a.jpg", LABELS, "masks")
    with pytest.raises(DatasetError, match=r"cannot read .*labels\.csv"):
        open_dataset(tmp_path, LABELS, "csv")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.png,tench, Tinca tinca", "line 1: expected file,class, got 3 columns"),
        ("", "has no sample: no picture was found; expected for kind csv"),
        ("b.png,cat", r"has no sample: b\.png: there is no such file"),
    ],
)
def test_csv_lists_of_another_form(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(DatasetError, match=message):
        open_dataset(tmp_path / "list.csv", LABELS)


def test_a_list_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes("a.png,Kätzchen".encode("latin-1"))
    with pytest.raises(DatasetError, match="not a text in UTF-8"):
        open_dataset(tmp_path / "list.csv", LABELS)


def test_json_that_is_not_cocos(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text(json.dumps({"bird": [1]}))
    with pytest.raises(DatasetError, match=r"not COCO's JSON of objects: .*got \['bird'\]"):
        open_dataset(path, LABELS)
