"""`evaluate`, `compare` and `metrics`, run as a user would."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

from camruntime.pictures import read_picture
from manifests import edit_manifest


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "camruntime", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_evaluate_on_pictures_with_masks(inspector: Path, tmp_path: Path) -> None:
    """A good sample without a defect has no mask, and no value in the pointing game."""
    command = (
        *("evaluate", inspector, inspector / "samples", "--methods", "grad-cam"),
        *("--metrics", "complexity,pointing-game", "--out", tmp_path, "--provider", "cpu"),
    )
    done = _run(*command)
    assert done.returncode == 0, done.stderr
    assert "10 samples (masks), 5 methods, on CPUExecutionProvider" in done.stdout
    assert "2 pictures without any object are good parts, class 'good'" in done.stdout
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 50
    empty = {row["sample"] for row in rows if row["pointing-game"] == ""}
    assert empty == {"good-1.png", "good-2.png"}
    summary = json.loads((tmp_path / "summary.json").read_text())
    pointing = {one["method"]: one["metrics"]["pointing-game"] for one in summary["methods"]}
    assert list(pointing) == ["grad-cam", "centre-gaussian", "uniform", "random", "edges"]
    assert pointing["grad-cam"]["count"] == 8
    assert pointing["uniform"]["mean"] == 0
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 15
    journal = (tmp_path / "results.jsonl").read_bytes()
    again = _run(*command, "--limit", 10)  # all of them: nothing is left to do
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "results.jsonl").read_bytes() == journal


def test_evaluate_leaves_out_what_the_bundle_cannot_run(inspector: Path, tmp_path: Path) -> None:
    sample = inspector / "samples" / "crack-1.png"
    (tmp_path / "list.csv").write_text(f"file,class\n{sample},crack\n")
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    shutil.copy(inspector / "bundle.json", bundle)
    edit_manifest(bundle, lambda manifest: manifest["graphs"].pop("gradient"))
    for file in inspector.iterdir():
        if file.is_file() and file.name != "bundle.json":
            (bundle / file.name).symlink_to(file)
    command = ("evaluate", bundle, tmp_path / "list.csv", "--metrics", "complexity")
    done = _run(*command, "--methods", "all", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "without grad-cam: " in done.stdout
    assert "without recipro-cam: " not in done.stdout
    refused = _run(*command, "--methods", "grad-cam", "--out", tmp_path / "other")
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: ")
    assert not (tmp_path / "other").exists()
    compared = _run("compare", bundle, sample, "--metrics", "complexity", "--out", tmp_path / "c")
    assert compared.returncode == 0, compared.stderr
    assert "without cam: " in compared.stdout  # the very first method
    assert (tmp_path / "c" / "compare.html").is_file()


def test_evaluate_says_what_is_wrong(inspector: Path, tmp_path: Path) -> None:
    for options, said in (
        (("--metrics", "adccc"), "no metric 'adccc': did you mean adcc"),
        (("--methods", "scorcam"), "no method 'scorcam': did you mean score-cam"),
        (("--kind", "csv"), "csv"),
        (("--class-map", tmp_path / "none.json"), "none.json"),
    ):
        done = _run(
            "evaluate", inspector, inspector / "samples", "--out", tmp_path / "out", *options
        )
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert said in done.stderr
        assert not (tmp_path / "out").exists()


def test_compare(inspector: Path, tmp_path: Path) -> None:
    sample = inspector / "samples" / "crack-1.png"
    done = _run(
        *("compare", inspector, sample, "--methods", "grad-cam,recipro-cam,uniform"),
        *("--metrics", "adcc,complexity", "--target", "crack", "--out", tmp_path),
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "compare.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 4
    assert "<script" not in page
    assert page.count("adcc ") == 4  # how it is read, and under each method
    assert "complexity 0.0<br>no evidence<br>1 pass" in page
    sheet = read_picture(tmp_path / "compare.png")
    assert sheet.shape[1] == 4 * 248
    nowhere = _run("compare", inspector, sample, "--target", "scrach", "--out", tmp_path / "x")
    assert nowhere.returncode == 1
    assert "no class is labelled 'scrach': did you mean scratch" in nowhere.stderr
    assert not (tmp_path / "x").exists()


def test_metrics_are_listed() -> None:
    done = _run("metrics")
    assert done.returncode == 0, done.stderr
    for said in ("insertion-deletion", "percentile", "mean, black, blur", "lower is better"):
        assert said in done.stdout
