"""`camruntime explain --regions`, as a user would call it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import camruntime
from camruntime.good_parts import calibrate, plan
from camruntime.pictures import read_picture
from camruntime.regions import decode_rle
from conftest import INSPECTOR
from good_parts import brushed, scratched, write_parts

METHOD = "recipro-cam:score=logit"
SLUG = "recipro-cam_score_logit"


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of twenty good parts: one more than alpha 0.05 takes."""
    work = tmp_path_factory.mktemp("calibration")
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    parts = write_parts(work / "good", range(20))
    found = calibrate(explainer, parts, plan(explainer, (METHOD,), None, 0.05), work / "unfinished")
    found.write(work / "inspector.calibration.json")
    return work / "inspector.calibration.json"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    made = {"scratch.png": scratched(2000), "good.png": brushed(2001)}
    for name, picture in made.items():
        cv2.imwrite(str(folder / name), picture)
    return [folder / name for name in made]


def _explain(*arguments: object) -> subprocess.CompletedProcess[str]:
    given = [str(INSPECTOR), *map(str, arguments), "--provider", "cpu"]
    command = [sys.executable, "-m", "camruntime", "explain", *given]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_all_three_with_a_calibration(
    calibration: Path, photos: list[Path], tmp_path: Path
) -> None:
    done = _explain(
        *photos, "--method", METHOD, "--target", "not good", "--calibration", calibration,
        "--regions", "json,labelme", "--regions", "coco", "--mm-per-pixel", 0.05, "--out", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ends = ("json", "labelme.json", "npy", "png", "regions.json")
    names = {f"{one.stem}.{SLUG}.{end}" for one in photos for end in ends}
    assert {one.name for one in tmp_path.iterdir()} == names | {"regions.coco.json"}

    explainer = camruntime.load(INSPECTOR, ["cpu"], calibration=calibration)
    made = explainer.explain(photos[0], METHOD, "not good")
    told = _read(tmp_path / f"scratch.{SLUG}.regions.json")
    assert (told["image"], told["scale"]) == (str(photos[0]), "calibrated")
    assert (told["target"]["label"], told["against"]["label"]) == ("not good", "good")
    shown = read_picture(tmp_path / f"scratch.{SLUG}.png")[:128, :128]
    coloured = (shown != read_picture(photos[0])).any(2)
    masks = [decode_rle(one["rle"], (128, 128)) for one in told["regions"]]
    assert masks
    np.testing.assert_array_equal(np.any(masks, 0), made.photo_evidence > 1)
    assert not (coloured & ~np.any(masks, 0)).any(), "nothing is coloured but the regions"
    assert told["regions"][0]["strongest"] == made.photo_evidence.max()
    assert told["regions"][0]["p_value"] == 1 / 21
    assert told["regions"][0]["mm"]["width"] == pytest.approx(told["regions"][0]["width"] / 20)
    assert _read(tmp_path / f"good.{SLUG}.regions.json")["regions"] == []

    usual = _read(tmp_path / f"scratch.{SLUG}.json")["evidence"]["regions"]
    names_of = ("rank", "x", "y", "width", "height", "area", "strongest", "mean", "p_value")
    for one, other in zip(usual, told["regions"], strict=True):
        assert [one[name] for name in names_of] == [other[name] for name in names_of]

    coco = _read(tmp_path / "regions.coco.json")
    assert [one["name"] for one in coco["categories"]][-2:] == ["hole", "not good"]
    files = [(tmp_path / one["file_name"]).resolve() for one in coco["images"]]
    assert files == [one.resolve() for one in photos], "in the order in which they were given"
    codes = [one["rle"] for one in told["regions"]]
    assert [one["segmentation"] for one in coco["annotations"]] == codes
    assert {one["category_id"] for one in coco["annotations"]} == {6}
    lines = done.stdout.splitlines()
    large = made.regions[0].in_mm(0.05)
    count = f"{len(codes)} region{'s' if len(codes) > 1 else ''}"
    assert lines[1].endswith(
        f"  {count}, the strongest {large.length:.3g} x {large.breadth:.3g} mm"
    )
    assert lines[2].endswith("  no regions")
    assert lines[-1] == f"{tmp_path / 'regions.coco.json'}  {count} on 2 pictures"

    labelme = _read(tmp_path / f"scratch.{SLUG}.labelme.json")
    assert (tmp_path / labelme["imagePath"]).resolve() == photos[0].resolve()
    assert [one["label"] for one in labelme["shapes"]] == ["not good"] * len(codes)


def test_without_a_calibration_regions_are_relative(photos: list[Path], tmp_path: Path) -> None:
    done = _explain(
        photos[1], "--method", "recipro-cam,uniform", "--regions", "json", "--out", tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "relative region" in done.stdout.splitlines()[1]
    told = _read(tmp_path / "good.recipro-cam.regions.json")
    assert (told["scale"], told["threshold"]) == ("relative", 0.5)
    assert "they are no evidence" in told["meaning"]
    assert told["regions"][0]["strongest"] == 1
    assert {one["p_value"] for one in told["regions"]} == {None}
    boxes = {(one["x"], one["y"], one["width"], one["height"]) for one in told["regions"]}
    drawn = _read(tmp_path / "good.recipro-cam.json")["boxes"]
    assert boxes == {(one["x"], one["y"], one["width"], one["height"]) for one in drawn}
    assert _read(tmp_path / "good.uniform.regions.json")["regions"] == [], (
        "a flat map shows nothing"
    )


def test_a_broken_picture_is_said_in_the_coco_file(photos: list[Path], tmp_path: Path) -> None:
    broken, out = tmp_path / "broken.png", tmp_path / "out"
    broken.write_bytes(b"no picture")
    done = _explain(photos[0], broken, photos[1], "--regions", "coco", "--out", out)
    assert done.returncode == 1
    told = _read(out / "regions.coco.json")
    assert [Path(one["file_name"]).name for one in told["images"]] == ["scratch.png", "good.png"]
    (line,) = told["info"]["left_out"]
    assert "broken.png is not a picture" in line
    # Of that run alone: the next one begins by taking it away.
    again = _explain(broken, "--regions", "coco", "--out", out)
    assert again.returncode == 1
    assert not (out / "regions.coco.json").exists()


def test_without_regions_nothing_of_them_is_written(photos: list[Path], tmp_path: Path) -> None:
    coco = tmp_path / "regions.coco.json"
    coco.write_text("somebody's")
    done = _explain(photos[0], "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "region" not in done.stdout.splitlines()[1].partition("  ")[2]
    assert coco.read_text() == "somebody's"
    assert len(list(tmp_path.iterdir())) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--regions", "yolo"), "--regions takes json, coco or labelme, several with commas"),
        (("--regions", "json,"), "between them, got ''"),
        (("--regions", "JSON"), "got 'JSON'"),
        (("--mm-per-pixel", "0.05"), "none is asked for: give --regions json as well"),
        (("--regions", "json", "--mm-per-pixel", "0"), "got 0.0"),
        (("--regions", "json", "--mm-per-pixel", "-1"), "a number above 0, from 1e-09 to 1e+09"),
        (("--regions", "json", "--mm-per-pixel", "nan"), "got nan"),
        (("--mm-per-pixel", "inf"), "got inf"),
    ],
)
def test_options_that_are_wrong(
    photos: list[Path], tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = _explain(photos[0], *options, "--out", tmp_path / "out")
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_folder_in_the_place_of_the_coco_file(photos: list[Path], tmp_path: Path) -> None:
    (tmp_path / "regions.coco.json").mkdir()
    done = _explain(photos[0], "--regions", "coco", "--out", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot write ")
    assert len(done.stderr.splitlines()) == 1
    assert len(list(tmp_path.iterdir())) == 1
