"""An inspector's evaluation as a user runs it: YOLO's boxes, good parts, a class nobody knows."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from camruntime.bundle import open_bundle
from manifests import edit_manifest

NAMES = ("good", "scratch", "crack", "dent", "hole")


@pytest.fixture
def data(inspector: Path, tmp_path: Path) -> Path:
    """Crack 1 is one, hole 1 is called a scratch, good 1 a hole, good 2 good, crack 2 a dent.

    So two are confused, one of them a miss: a defect that looks good.
    """
    root = tmp_path / "data"
    marks = {"crack-1": "2", "hole-1": "1", "good-1": "4", "good-2": "", "crack-2": "3"}
    for stem, kind in marks.items():
        (root / "images").mkdir(parents=True, exist_ok=True)
        (root / "labels").mkdir(parents=True, exist_ok=True)
        shutil.copy(inspector / "samples" / f"{stem}.png", root / "images")
        line = f"{kind} .5 .5 .25 .25\n" if kind else ""
        (root / "labels" / f"{stem}.txt").write_text(line)
    (root / "classes.txt").write_text("\n".join(NAMES))
    return root


def _evaluate(bundle: Path, data: Path, out: Path, *options: str) -> str:
    command = [sys.executable, "-m", "camruntime", "evaluate", bundle, data, "--out", out]
    command += ["--methods", "grad-cam", "--metrics", "complexity,iou,pointing-game", *options]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_an_inspector_is_told(inspector: Path, data: Path, tmp_path: Path) -> None:
    said = _evaluate(inspector, data, tmp_path, "--provider", "cpu").splitlines()
    dent = "class 'dent' is none of the network's labels"
    assert sum(line.startswith(dent) and "1 sample left out" in line for line in said) == 1
    assert "1 picture without any object is a good part, class 'good'" in said
    assert any(line.startswith("kind yolo by auto: images/") for line in said)
    assert (
        "1 miss (a defect taken for good), 0 false alarms (a good part taken for a defect), "
        "1 other confusion in 4 samples."
    ) in said
    (hits,) = [line for line in said if line.startswith("grad-cam reaches")]
    head = next(line for line in said if "method" in line and "passes" in line)
    assert head.index("IoU") < head.index("Pointing game")
    assert "Complexity" not in head, "asked for first, but not where there is room for two"
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["schema_version"] == 3
    assert (summary["leading"], summary["good_parts"]) == (["iou", "pointing-game"], 1)
    assert summary["headline"] == hits
    confusion = summary["confusion"]
    assert confusion["truths"] == ["good", "scratch", "crack", "hole"]
    assert [sum(row) for row in confusion["counts"]] == [1, 1, 1, 1]
    assert [one["kind"] for one in confusion["mistakes"]] == ["miss", "confusion"]
    assert confusion["mistakes"][0]["sample"] == "good-1.png#hole"
    page = (tmp_path / "report.html").read_text()
    assert hits.replace("'", "&#x27;") in page
    assert dent.replace("'", "&#x27;") in page
    assert "hole, taken for good; grad-cam of hole<" in page, "what a missed defect looks like"
    assert "scratch, taken for hole; grad-cam of hole<" in page, "what it was taken for"


def test_what_is_marked_is_drawn(inspector: Path, data: Path, tmp_path: Path) -> None:
    """Magenta along the box from 3/8 to 5/8 of every picture but that of the good part."""
    _evaluate(inspector, data, tmp_path)
    page = (tmp_path / "report.html").read_text()
    figures = re.findall(r'base64,([^"]+)" width="(\d+)".*?class="sample">([^<]*)', page)
    assert len(figures) == 2 + 3 * 5, "two mistakes; best, median and worst of five"
    for data_uri, width, sample in figures:
        assert sample != "good-2.png", "it has no place, so no value in what leads"
        pixels = cv2.imdecode(np.frombuffer(base64.b64decode(data_uri), np.uint8), cv2.IMREAD_COLOR)
        assert pixels is not None
        blue, green, red = (pixels[..., channel].astype(int) for channel in range(3))
        magenta = np.minimum(blue, red) - green > 90
        side = int(width)
        rows, columns = np.nonzero(magenta)
        assert abs(rows.min() - side * 3 / 8) <= 2
        assert abs(columns.max() - side * 5 / 8) <= 2
        assert magenta[side // 2, side * 3 // 8 - 1 : side * 3 // 8 + 2].any()


def test_a_bundle_that_names_no_good_class(inspector: Path, data: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    shutil.copy(inspector / "bundle.json", bundle)
    edit_manifest(bundle, lambda manifest: manifest.update(good=None))
    for file in inspector.iterdir():
        if file.is_file() and file.name != "bundle.json":
            (bundle / file.name).symlink_to(file)
    assert open_bundle(bundle).manifest.good is None
    said = _evaluate(bundle, data, tmp_path / "out")
    assert "this bundle does not name its class of good parts (`camexport build --good" in said
    assert "The network is right on 1 of 3 samples. Good parts are not known" in said
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["good"], summary["good_parts"], summary["detections"]) == (None, 1, [])
    assert {one["kind"] for one in summary["confusion"]["mistakes"]} == {"confusion"}
    assert summary["methods"][0]["coloured"] == {
        "count": 1,
        "of": 1,
        "defects": 0,
        "of_defects": 0,
        "relative": True,
    }
