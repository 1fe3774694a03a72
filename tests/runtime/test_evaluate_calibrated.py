"""An evaluation against good parts: what it says is what each explanation says."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import camruntime
from camruntime import Explainer
from camruntime.calibration import read_calibration
from camruntime.cli.app import app
from camruntime.datasets import open_dataset
from camruntime.errors import CalibrationError, EvaluationError
from camruntime.evaluation import Evaluation, calibrated_with
from camruntime.evaluation.levels import unpack
from camruntime.evaluation.roc import roc
from camruntime.good_parts import calibrate, plan
from camruntime.metrics import make_metric
from camruntime.pictures import evidence_overlay
from conftest import INSPECTOR
from good_parts import scratched, write_parts

METHOD = "recipro-cam:score=logit"
GOOD, BAD = 24, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`line.json`, of METHOD and Score-CAM; `data` with a folder per class."""
    made = tmp_path_factory.mktemp("evaluated")
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    parts = write_parts(made / "parts", range(40))
    planned = plan(explainer, [METHOD, "score-cam"], ["not good"], 0.05)
    calibrate(explainer, parts, planned, made / "unfinished").write(made / "line.json")
    write_parts(made / "data" / "good", range(500, 500 + GOOD))
    (made / "data" / "scratch").mkdir()
    for seed in range(600, 600 + BAD):
        cv2.imwrite(str(made / "data" / "scratch" / f"{seed}.png"), scratched(seed))
    return made


def _evaluation(explainer: Explainer, folder: Path, out: Path, calibrated: bool) -> Evaluation:
    data = open_dataset(folder / "data", explainer.labels, good=0)
    names = [METHOD, "score-cam", "centre-gaussian"]
    return Evaluation(
        explainer,
        data,
        [explainer.method(name) for name in names],
        [make_metric("average-drop")],
        out,
        calibration=read_calibration(folder / "line.json") if calibrated else None,
    )


def test_colour_and_scores_are_those_of_not_good(folder: Path, tmp_path: Path) -> None:
    plain = camruntime.load(INSPECTOR, ["cpu"])
    calibrated = camruntime.load(INSPECTOR, ["cpu"], calibration=folder / "line.json")
    evaluation = _evaluation(plain, folder, tmp_path / "out", True)
    summary = evaluation.run()
    for name in (METHOD, "score-cam"):
        coloured, scores, bad = {True: 0, False: 0}, [], []
        for row in (one for one in evaluation.rows() if one.method == name):
            image = evaluation.sample(row.sample).image
            made = calibrated.explain(image, name, "not good")
            assert made.evidence is not None
            assert row.has_colour == made.has_evidence
            assert row.score == pytest.approx(made.evidence.strongest, abs=1e-5)
            assert not row.relative
            assert row.good == (row.category == "good")
            if row.good:  # each pixel's level, even in v / (1 + v)
                shares = made.photo_evidence / (1 + made.photo_evidence)
                expected = np.bincount(np.rint(255 * shares).astype(int).ravel(), minlength=256)
                assert row.levels is not None
                np.testing.assert_allclose(unpack(row.levels.good), expected, atol=3)
            coloured[row.category == "good"] += row.has_colour
            scores.append(made.evidence.strongest)
            bad.append(row.category != "good")
        (found,) = (one for one in summary.methods if one.method == name)
        assert found.coloured is not None
        assert (found.coloured.count, found.coloured.of) == (coloured[True], GOOD)
        assert (found.coloured.defects, found.coloured.of_defects) == (coloured[False], BAD)
        assert not found.coloured.relative
        (detection,) = (one for one in summary.detections if one.scored == name)
        assert detection.area == pytest.approx(roc(scores, bad).area)
    assert [one.scored for one in summary.detections] == [METHOD, "score-cam"]


def test_metrics_stay_those_of_the_class(folder: Path, tmp_path: Path) -> None:
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    with_it, without = (
        _evaluation(explainer, folder, tmp_path / str(calibrated), calibrated)
        for calibrated in (True, False)
    )
    with_it.run()
    without.run()
    for one, other in zip(with_it.rows(), without.rows(), strict=True):
        assert (one.sample, one.target) == (other.sample, other.target)
        assert one.values["average-drop"] == pytest.approx(other.values["average-drop"], abs=1e-3)
        assert other.relative


def test_pictures_are_drawn_as_the_line_sees_them(folder: Path, tmp_path: Path) -> None:
    plain = camruntime.load(INSPECTOR, ["cpu"])
    calibrated = camruntime.load(INSPECTOR, ["cpu"], calibration=folder / "line.json")
    evaluation = _evaluation(plain, folder, tmp_path / "out", True)
    for sample in (evaluation.dataset.samples[0], evaluation.dataset.samples[-1]):
        made = calibrated.explain(sample.image, METHOD, "not good")
        expected = evidence_overlay(made.photo, made.photo_evidence)
        assert (evaluation.drawn(sample, METHOD, 1) == expected).all()
        assert evaluation.drawn_class(1) == "not good"
        relative = evaluation.drawn(sample, "centre-gaussian", 1)
        assert (relative == plain.explain(sample.image, "centre-gaussian", 1).overlay()).all()


def test_rows_of_another_calibration_are_not_mixed(folder: Path, tmp_path: Path) -> None:
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    _evaluation(explainer, folder, tmp_path / "out", True).run()
    with pytest.raises(EvaluationError, match="calibration"):
        _evaluation(explainer, folder, tmp_path / "out", False)


def test_methods_that_it_is_not_of_are_refused(folder: Path, tmp_path: Path) -> None:
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    data = open_dataset(folder / "data", explainer.labels, good=0)
    with pytest.raises(CalibrationError, match="not of 'grad-cam'"):
        Evaluation(
            explainer,
            data,
            [explainer.method("grad-cam")],
            [make_metric("average-drop")],
            tmp_path,
            calibration=read_calibration(folder / "line.json"),
        )


def test_parts_that_calibrated_say_nothing_new(folder: Path) -> None:
    calibration = read_calibration(folder / "line.json")
    labels = camruntime.load(INSPECTOR, ["cpu"]).labels
    fresh = open_dataset(folder / "data", labels, good=0)
    assert calibrated_with(fresh, calibration) == ""
    copied = folder / "copied" / "good"
    copied.mkdir(parents=True)
    for name in ("0003.png", "0007.png"):
        (copied / f"other-{name}").write_bytes((folder / "parts" / name).read_bytes())
    write_parts(copied, range(700, 703))
    again = calibrated_with(open_dataset(folder / "copied", labels, good=0), calibration)
    assert again.startswith("2 of 5 samples are good parts that the calibration was measured on")


def test_on_the_command_line_its_methods_are_the_default(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    app(
        [
            "evaluate", str(INSPECTOR), str(folder / "data"), "--metrics", "average-drop",
            "--calibration", str(folder / "line.json"), "--out", str(tmp_path / "out"),
        ],
        standalone_mode=False,
    )  # fmt: skip
    said = capsys.readouterr().out
    assert f"methods by calibration: {METHOD}, score-cam" in said
    assert "colours by calibration: beyond what 0.95 of good parts show (40 were measured)" in said
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    best = summary["best"] or METHOD
    (coloured,) = (one["coloured"] for one in summary["methods"] if one["method"] == best)
    parts, defects = f"{coloured['count']} of {GOOD}", f"{coloured['defects']} of {BAD}"
    assert f"{best}: {parts} good parts show colour, and {defects} defects" in said
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Colours begin where 0.95 of good parts end" in page
    assert "is relative:" not in page
