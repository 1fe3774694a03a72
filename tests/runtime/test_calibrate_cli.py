"""`camruntime calibrate`, `drift` and `explain --calibration`, run as a user would."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from camruntime.calibration import read_calibration
from camruntime.pictures import read_picture
from good_parts import brushed, scratched, write_parts

COMMAND = [sys.executable, "-m", "camruntime"]


def _run(*arguments: object, status: int = 0) -> str:
    """What it says, on both streams."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def bundle(inspector: Path, tmp_path: Path) -> Path:
    """A copy, as the calibration goes beside it."""
    return Path(shutil.copytree(inspector, tmp_path / "line"))


def test_from_good_parts_to_pictures(bundle: Path, tmp_path: Path) -> None:
    """The file lies beside the bundle, and nothing else is left."""
    parts = write_parts(tmp_path / "parts", range(40))
    method = "recipro-cam:score=logit"
    told = _run("calibrate", bundle, parts, "--alpha", 0.05, "--methods", f"{method},uniform")
    file = tmp_path / "line.calibration.json"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "line", "line.calibration.json", "parts",
    ]  # fmt: skip
    found = read_calibration(file)
    assert len(found.parts) == 40
    assert "left out: method uniform: it does not say which unit its maps have" in told
    last = found.methods[0].targets[-1]
    strongest = found.parts[int(np.argmax(last.strongest))].name
    assert f"most evidence of 'not good' is in {strongest}" in told
    assert f"{last.threshold:.4g}" in told

    for name, picture in (("good", brushed(900)), ("bad", scratched(901))):
        cv2.imwrite(str(tmp_path / f"{name}.png"), picture)
    told = _run(
        "explain", bundle, tmp_path / "good.png", tmp_path / "bad.png", "--method", method,
        "--target", "not good", "--calibration", file, "--out", tmp_path / "out",
    )  # fmt: skip
    assert "  no evidence, score" in told
    assert "  evidence, score" in told
    for name, coloured in (("good", False), ("bad", True)):
        stem = tmp_path / "out" / f"{name}.recipro-cam_score_logit"
        figures = json.loads(Path(f"{stem}.json").read_text())
        assert figures["evidence"]["has_evidence"] is coloured
        photo = read_picture(tmp_path / f"{name}.png")
        shown = read_picture(Path(f"{stem}.png"))[:128, :128]
        assert bool((photo != shown).any()) is coloured


def test_another_alpha_measures_nothing_again(bundle: Path, tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "parts", range(40))
    _run("calibrate", bundle, parts, "--alpha", 0.1, "--target", "not good")
    before = read_calibration(tmp_path / "line.calibration.json")
    _run("calibrate", bundle, parts, "--alpha", 0.05, "--target", "not good")
    after = read_calibration(tmp_path / "line.calibration.json")
    assert (before.alpha, after.alpha) == (0.1, 0.05)
    assert after.methods[0].targets[0].threshold > before.methods[0].targets[0].threshold
    assert after.methods[0].targets[0].strongest == before.methods[0].targets[0].strongest


def test_killed_it_goes_on(bundle: Path, tmp_path: Path) -> None:
    """What was measured lies beside the file that is to come, and that one is not there."""
    parts = write_parts(tmp_path / "parts", range(300))
    arguments = ["calibrate", bundle, parts, "--methods", "smooth-grad-cam++", "--alpha", 0.05]
    running = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    journal = tmp_path / "line.calibration.json.unfinished" / "results.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (journal.exists() and journal.stat().st_size > 4000):
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not (tmp_path / "line.calibration.json").exists()
    lines = journal.read_bytes().count(b"\n")
    assert 2 < lines < 300
    _run(*arguments)
    assert len(read_calibration(tmp_path / "line.calibration.json").parts) == 300
    assert not journal.parent.exists()


def _content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("{parts}", "--alpha", "0.01"),
            "= 99 good parts for alpha 0.01, got 40: give more",
        ),
        (("{parts}", "--alpha", "5"), "alpha is the share of good parts that may show evidence"),
        (("{parts}", "--target", "goood"), "no class is labelled 'goood'"),
        (("{parts}", "--methods", "grad-camm"), "'grad-camm'"),
        (("nowhere",), "no picture is in nowhere itself: expected a folder with pictures of parts"),
        (("{parts}/..",), "itself; it has the folders line, parts: expected a folder"),
        (("{parts}", "--out", "{bundle}/bundle.json", "--alpha", "0.1"), "or remove it, or give"),
    ],
)
def test_what_is_wrong_is_one_line_and_nothing_is_left(
    bundle: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    parts = write_parts(tmp_path / "parts", range(40))
    before = _content(bundle)
    given = [one.format(parts=parts, bundle=bundle) for one in arguments]
    told = _run("calibrate", bundle, *given, status=1)
    error = told.splitlines()[-1]
    assert error.startswith("error: ")
    assert words in error
    assert _content(bundle) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line", "parts"]


def test_drift_is_told_with_what_moved_it(bundle: Path, tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "parts", range(60))
    _run("calibrate", bundle, parts, "--alpha", 0.05, "--target", "not good")
    later = write_parts(tmp_path / "later", range(100, 130))
    calibration = ("--calibration", tmp_path / "line.calibration.json")
    told = _run("drift", bundle, later, *calibration)
    assert "no drift in 30 of 30 parts" in told
    for seed in range(130, 190):  # the lens is out of focus
        blurred = cv2.GaussianBlur(brushed(seed), (0, 0), 3)
        cv2.imwrite(str(later / f"{seed:04d}.png"), blurred)
    told = _run("drift", bundle, later, *calibration, "--parts-per-false-alarm", 1000, status=1)
    moved = [line.split()[0] for line in told.splitlines() if line.startswith("  ")]
    assert "good parts show" in told
    assert 1 <= len(moved) <= 10
    assert min(moved) >= "0125.png"
    bad = tmp_path / "bad"
    bad.mkdir()
    cv2.imwrite(str(bad / "0.png"), scratched(3))
    told = _run("drift", bundle, bad, *calibration, status=1)
    assert "error: the network calls none of 1 parts good" in told


def test_a_calibration_of_another_bundle_is_replaced_and_that_is_said(
    bundle: Path, tmp_path: Path
) -> None:
    """The network was trained anew, and lies where the old one lay."""
    parts = write_parts(tmp_path / "parts", range(20))
    file = tmp_path / "line.calibration.json"
    asked = ("calibrate", bundle, parts, "--alpha", 0.05, "--target", "not good")
    assert "another bundle" not in _run(*asked)
    mine = read_calibration(file)
    replace(mine, bundle="0" * 64, model="older").write(file)
    assert "line.calibration.json is of another bundle (older, 000000000000…)" in _run(*asked)
    assert read_calibration(file) == mine


def test_what_somebody_put_beside_the_unfinished_stays(bundle: Path, tmp_path: Path) -> None:
    parts = write_parts(tmp_path / "parts", range(20))
    folder = tmp_path / "line.calibration.json.unfinished"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    _run("calibrate", bundle, parts, "--alpha", 0.05, "--target", "not good")
    assert [one.name for one in folder.iterdir()] == ["notes.txt"]
