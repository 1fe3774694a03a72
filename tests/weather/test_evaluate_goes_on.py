"""One bad sample never ends `evaluate`: it is left out with its reason, and said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from camruntime.datasets import open_dataset
from camruntime.evaluation import Evaluation, read_results
from camruntime.journal import JOURNAL
from camruntime.metrics import make_metric
from camruntime.pictures import read_picture
from evaluations import INSPECTOR, explainer, pictures


def _masked(folder: Path) -> Path:
    """Four pictures with masks; the first one's is turned, the second's is of half the size."""
    for number, image in enumerate(sorted(pictures(folder).rglob("*.png"))):
        height, width = read_picture(image).shape[:2]
        size = ((height * 2, width), (height // 2, width // 2), (height, width))[min(number, 2)]
        done, data = cv2.imencode(".png", np.full(size, 255, np.uint8))
        assert done
        image.with_name(f"{image.stem}_mask.png").write_bytes(data.tobytes())
    return folder


def test_a_mask_of_another_picture(tmp_path: Path) -> None:
    dataset = open_dataset(_masked(tmp_path / "data"), explainer().labels)
    metrics = [make_metric("pointing-game")]
    methods = [explainer().method("uniform")]
    evaluation = Evaluation(explainer(), dataset, methods, metrics, tmp_path / "out")
    assert evaluation.run().samples == 3
    (line,) = evaluation.failed
    assert line.startswith("crack/Bild-ä-crack-1.png: the mask ")
    assert "pixels, and the picture has" in line


def test_a_picture_that_is_gone_after_it_was_measured(tmp_path: Path) -> None:
    """A rerun has nothing to measure; the report lacks the picture, and says so."""
    data, out = pictures(tmp_path / "data"), tmp_path / "out"
    assert "left out" not in _evaluate(data, out)
    journal = (out / JOURNAL).read_bytes()
    for image in data.rglob("*.png"):
        image.write_bytes(b"no picture any more")
    said = _evaluate(data, out)
    assert "not drawn: crack/Bild-ä-crack-1.png: " in said
    assert (out / JOURNAL).read_bytes() == journal
    assert len(read_results(out / "results.csv")) == 20
    assert "data:image/jpeg" not in (out / "report.html").read_text(encoding="utf-8")


def test_a_journal_that_is_damaged_is_told(tmp_path: Path) -> None:
    data, out = pictures(tmp_path / "data"), tmp_path / "out"
    _evaluate(data, out)
    lines = (out / JOURNAL).read_bytes().split(b"\n")
    (out / JOURNAL).write_bytes(b"\n".join([*lines[:4], b"\xff", *lines[5:]]))
    said = _evaluate(data, out)
    assert "1 damaged lines of " in said
    assert "from line 5 on, are measured again" in said
    assert len(read_results(out / "results.csv")) == 20


def test_names_that_are_no_text_go_through(tmp_path: Path) -> None:
    """Names of files are bytes: in Latin-1 they are no UTF-8."""
    data, out = pictures(tmp_path / "data"), tmp_path / "out"
    for image in data.rglob("*.png"):
        image.rename(image.with_name(f"=\udce9{image.name[5:]}"))
    _evaluate(data, out)
    samples = {row["sample"] for row in read_results(out / "results.csv")}
    assert "crack/=\\udce9ä-crack-1.png" in samples


def _evaluate(data: Path, out: Path) -> str:
    command = [
        *(sys.executable, "-m", "camruntime", "evaluate", INSPECTOR, data, "--methods", "cam"),
        *("--metrics", "complexity", "--out", out, "--provider", "cpu", "--threads", "1"),
    ]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
