"""Files of regions: our own JSON, COCO's and LabelMe's, read back by whoever reads them."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from arrays import f32
from camruntime.datasets import open_dataset
from camruntime.errors import CamError, OutputError
from camruntime.explanation import Explanation
from camruntime.regions import coco_entry, decode_rle, write_coco, write_labelme, write_regions
from camruntime.regions.coco import CocoEntry
from camruntime.verdict import ClassScore
from region_shapes import LABELS, explained, shape

RING = shape("......", ".####.", ".#..#.", ".####.", "......", "#....#").astype(np.float32)
RING[5, 5] = 0.75


def _ring() -> Explanation:
    return explained(RING)


def _evident() -> Explanation:
    raw = f32(np.where(RING > 0, 18 + 8 * RING, 3))
    return explained(RING, raw)


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_our_own_holds_everything(tmp_path: Path) -> None:
    file = tmp_path / "one.regions.json"
    write_regions(file, _evident(), "part.png", 0.05)
    told = _read(file)
    assert (told["image"], told["image_width"], told["image_height"]) == ("part.png", 6, 6)
    assert told["target"] == {"index": 1, "label": "scratch", "probability": 0.75, "score": 2.5}
    assert (told["method"], told["scale"], told["threshold"]) == ("recipro-cam", "calibrated", 1)
    assert (told["alpha"], told["raw_threshold"], told["calibration"]) == (0.1, 18, "0" * 64)
    assert told["provenance"]["provider"] == "CPUExecutionProvider"
    ring, left, right = told["regions"]
    assert ring["polygon"] == [[1, 1], [5, 1], [5, 4], [1, 4]]
    assert sorted(map(tuple, ring["holes"][0])) == [(2, 2), (2, 3), (4, 2), (4, 3)]
    np.testing.assert_array_equal(decode_rle(ring["rle"], (6, 6)), _evident().regions[0].mask)
    assert (ring["rank"], ring["area"], ring["length"], ring["breadth"]) == (1, 10, 4, 3)
    assert (ring["strongest"], ring["mean"], ring["p_value"]) == (2, 2, 1 / 20)
    mm = ring["mm"]
    assert (mm["width"], mm["height"], mm["length"], mm["area"]) == (0.2, 0.15, 0.2, 0.025)
    assert mm["polygon"] == [[0.05, 0.05], [0.25, 0.05], [0.25, 0.2], [0.05, 0.2]]
    assert sorted(map(tuple, mm["holes"][0]))[0] == (0.1, 0.1)
    assert (left["area"], right["strongest"], right["p_value"]) == (1, 1.75, 1 / 20)


def test_relative_regions_say_so_in_every_file(tmp_path: Path) -> None:
    made = _ring()
    write_regions(tmp_path / "own.json", made)
    write_labelme(tmp_path / "labelme.json", made, "part.png")
    write_coco(tmp_path / "coco.json", [coco_entry(made, "part.png")], LABELS)
    own, labelme, coco = (_read(tmp_path / f"{one}.json") for one in ("own", "labelme", "coco"))
    assert "image" not in own
    for told in (own, labelme["camruntime"], coco["info"]["maps"][0]):
        assert (told["scale"], told["threshold"], told["mm_per_pixel"]) == ("relative", 0.5, None)
        assert "they are no evidence" in told["meaning"]
        assert not {"alpha", "calibration", "raw_threshold"} & set(told)
    assert [one["p_value"] for one in own["regions"]] == [None] * 3
    assert [one["scale"] for one in coco["annotations"]] == ["relative"] * 3
    assert all("relative, no evidence" in one["description"] for one in labelme["shapes"])
    assert not any("mm" in one for one in (*own["regions"], *coco["annotations"]))


def test_coco_is_what_pycocotools_reads(tmp_path: Path) -> None:
    reference = pytest.importorskip("pycocotools.coco")
    masks = pytest.importorskip("pycocotools.mask")
    made, file = _evident(), tmp_path / "regions.coco.json"
    empty = explained(np.zeros((4, 8), np.float32))
    entries = [coco_entry(empty, tmp_path / "empty.png"), coco_entry(made, tmp_path / "a.png", 0.5)]
    write_coco(file, entries, LABELS, ["b.png is not a picture"])
    with contextlib.redirect_stdout(io.StringIO()):
        coco = reference.COCO(file)
    assert [one["file_name"] for one in coco.imgs.values()] == ["empty.png", "a.png"]
    assert [(one["height"], one["width"]) for one in coco.imgs.values()] == [(4, 8), (6, 6)]
    assert coco.getAnnIds(imgIds=[1]) == []
    assert [coco.cats[one]["name"] for one in (1, 2, 3)] == list(LABELS)
    assert coco.dataset["info"]["left_out"] == ["b.png is not a picture"]
    marks = coco.loadAnns(coco.getAnnIds(imgIds=[2]))
    assert len(marks) == len(made.regions) == 3
    for mark, region in zip(marks, made.regions, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            drawn = coco.annToMask(mark)
        np.testing.assert_array_equal(drawn, region.mask)
        assert mark["area"] == masks.area(mark["segmentation"]) == region.area
        assert mark["bbox"] == masks.toBbox(mark["segmentation"]).tolist()
        assert (mark["category_id"], mark["iscrowd"]) == (2, 0)
        assert (mark["score"], mark["mean"]) == (region.strongest, region.mean)
        assert mark["mm"]["area"] == region.area / 4


def test_coco_is_what_evaluate_reads(tmp_path: Path) -> None:
    """What was found as a data set: the file, photographs and all."""
    pytest.importorskip("pycocotools")
    (tmp_path / "photos").mkdir()
    photo = tmp_path / "photos" / "a.png"
    cv2.imwrite(str(photo), np.zeros((6, 6, 3), np.uint8))
    file = tmp_path / "out" / "regions.coco.json"
    write_coco(file, [coco_entry(_evident(), photo)], LABELS)
    assert _read(file)["images"][0]["file_name"] == "../photos/a.png"
    (sample,) = open_dataset(file, LABELS).samples
    assert sample.locate is not None
    np.testing.assert_array_equal(sample.locate((6, 6)).mask, RING > 0)


def test_contrasts_are_categories_behind_the_classes(tmp_path: Path) -> None:
    good = ClassScore(0, "good", 0.25, 1.0)
    contrast = replace(_ring(), target=ClassScore(1, "not good", 0.75, 1.5), against=good)
    entries = [coco_entry(_ring(), "a.png"), coco_entry(contrast, "a.png")]
    write_coco(tmp_path / "c.json", entries, LABELS)
    told = _read(tmp_path / "c.json")
    names = {one["id"]: one["name"] for one in told["categories"]}
    assert names == {1: "good", 2: "scratch", 3: "hole", 4: "not good"}
    assert [one["category_id"] for one in told["annotations"]] == [2, 2, 2, 4, 4, 4]
    assert [one["id"] for one in told["annotations"]] == [1, 2, 3, 4, 5, 6]
    assert len(told["images"]) == 1, "two explanations of one photograph"
    assert [one["target"] for one in told["info"]["maps"]] == ["scratch", "not good"]


def test_labels_of_another_bundle_and_sizes_that_differ_are_refused(tmp_path: Path) -> None:
    entry, file = coco_entry(_ring(), "a.png"), tmp_path / "c.json"

    def write(labels: tuple[str, ...], *entries: CocoEntry) -> None:
        write_coco(file, entries, labels)

    for labels in (("good", "dent", "hole"), ("good",), ()):
        with pytest.raises(
            CamError, match=r"class 1 is called 'scratch' and the \d labels say other"
        ):
            write(labels, entry)
    with pytest.raises(CamError, match=r"a.png is in two entries, \(6, 6\) and \(5, 6\) pixels"):
        write(LABELS, entry, replace(entry, size=(5, 6)))
    assert not list(tmp_path.iterdir())


def test_labelme_by_hand(tmp_path: Path) -> None:
    """What its `LabelFile` asks for: these keys, these types, points as lists of two numbers."""
    photo, file = tmp_path / "photos" / "a b.png", tmp_path / "out" / "a.labelme.json"
    write_labelme(file, _evident(), photo, 2)
    told = _read(file)
    assert told["imagePath"] == "../photos/a b.png"
    assert (told["imageHeight"], told["imageWidth"], told["imageData"]) == (6, 6, None)
    assert (told["version"], told["flags"]) == ("5.4.1", {})
    ring, left, right = told["shapes"]
    for one in told["shapes"]:
        assert (one["label"], one["flags"], one["group_id"]) == ("scratch", {}, None)
        assert all(type(value) is float for point in one["points"] for value in point)
    assert (left["shape_type"], left["mask"]) == ("polygon", None)
    assert left["points"] == [[0, 5], [1, 5], [1, 6], [0, 6]]
    assert right["points"] == [[5, 5], [6, 5], [6, 6], [5, 6]]
    assert right["description"] == "rank 3, strongest 1.75, p 0.05"
    assert right["camruntime"]["mm"]["area"] == 4
    assert (ring["shape_type"], ring["points"]) == ("mask", [[1, 1], [4, 3]])
    png = np.frombuffer(base64.b64decode(ring["mask"]), np.uint8)
    inside = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    assert inside is not None
    np.testing.assert_array_equal(inside > 0, shape("####", "#..#", "####"))


def test_a_photograph_is_found_from_behind_a_link(tmp_path: Path) -> None:
    """`..` leads out of the folder that a link leads to, not out of the link's."""
    (tmp_path / "disk" / "far").mkdir(parents=True)
    link = tmp_path / "out"
    link.symlink_to(tmp_path / "disk" / "far")
    photo = tmp_path / "a.png"
    photo.write_bytes(b"here")
    write_labelme(link / "a.labelme.json", _ring(), photo)
    named = _read(link / "a.labelme.json")["imagePath"]
    assert named == "../../a.png"
    assert (link / named).read_bytes() == b"here"


def test_a_scale_that_is_none_and_a_folder_that_is_a_file_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(CamError, match="mm_per_pixel"):
        write_regions(tmp_path / "a.json", _ring(), mm_per_pixel=0)
    with pytest.raises(CamError, match="mm_per_pixel"):
        write_labelme(tmp_path / "a.json", explained(np.zeros((2, 2), np.float32)), "a.png", -1)
    with pytest.raises(CamError, match="mm_per_pixel"):
        coco_entry(_ring(), "a.png", float("nan"))
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        write_regions(tmp_path / "file" / "a.json", _ring())
