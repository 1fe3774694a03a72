"""The command line, run as a user would."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

from camruntime import cli
from camruntime.bundle import SCHEMA_VERSION, Fidelity, open_bundle
from camruntime.errors import BundleError
from camruntime.methods import METHODS, choices
from camruntime.metrics import METRICS
from camruntime.pictures import read_picture
from manifests import edit_manifest, setting


def _run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "camruntime", *map(str, arguments)]
    variables = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=variables)


def test_an_empty_text_is_no_default(inspector: Path, samples: list[Path]) -> None:
    """As a path it would be the current folder, and as a target no class at all."""
    explain = ("explain", inspector, samples[0])
    for arguments, behind in (
        ((*explain, "--out", ""), "--out"),
        ((*explain, "--target="), "--target"),
        ((*explain, "--provider", " "), "--provider"),
        (("evaluate", inspector, ""), inspector),
        (("info", ""), "info"),
    ):
        done = _run(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith(f"error: an empty text stands behind {behind}: expected a")
        assert len(done.stderr.splitlines()) == 1


def test_explain_writes_pictures_maps_figures_and_sheets(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    methods = "score-cam,recipro-cam:score=logit"
    done = _run(
        "explain", inspector, *samples[:2], "--method", methods, "--target", "crack",
        "--out", tmp_path, "--provider", "cpu", "--threads", 1, "--chunk", 5,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "computing on CPUExecutionProvider" in done.stdout
    stems = [path.stem for path in samples[:2]]
    slugs = ("score-cam", "recipro-cam_score_logit")
    endings = ("png", "npy", "json")
    expected = {f"{a}.{b}.{c}" for a in stems for b in slugs for c in endings}
    expected |= {f"{stem}.sheet.png" for stem in stems}
    assert {path.name for path in tmp_path.iterdir()} == expected
    figures = json.loads((tmp_path / f"{stems[0]}.score-cam.json").read_text())
    assert figures["target"]["label"] == "crack"
    assert np.load(tmp_path / f"{stems[0]}.score-cam.npy").shape == (16, 16)
    sheet = read_picture(tmp_path / f"{stems[0]}.sheet.png")
    assert sheet.shape[1] == 3 * 248, "the photograph and two maps"


def test_target_by_index_and_pictures_of_the_same_name(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    masks = samples[0].parent / "masks" / samples[0].name
    done = _run("explain", inspector, samples[0], masks, "--target", 4, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    written = sorted(tmp_path.glob("*.json"))
    figures = [json.loads(file.read_text()) for file in written]
    assert [one["target"]["index"] for one in figures] == [4, 4]
    assert [one["image"] for one in figures] == [str(masks), str(samples[0])]
    begin = [file.name.removesuffix(".recipro-cam.json")[:-8] for file in written]
    assert begin == [f"{path.parent.name}-{path.stem}-" for path in (masks, samples[0])]
    assert not list(tmp_path.glob("*.sheet.png"))


def test_components_and_explanation_map(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    done = _run(
        "explain", inspector, samples[0], "--method", "decom-cam:components=3,ours-4",
        "--out", tmp_path, "--explanation-map", 80,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "edges by Scharr (OpenCV)" in done.stdout
    stem = f"{samples[0].stem}.decom-cam_components_3"
    row = read_picture(tmp_path / f"{stem}.components.png")
    assert row.shape[1] == 4 * 198, "the fused map and three features"
    photo, shown = read_picture(samples[0]), read_picture(tmp_path / f"{stem}.explanation.png")
    kept = (shown == photo).all(2)
    assert 0.19 < kept.mean() < 0.25, "a fifth of the photograph, and what has the mean colour"
    assert len(np.unique(shown[~kept], axis=0)) == 1
    slug = "feature-cam_input_3_experiment_3"
    assert (tmp_path / f"{samples[0].stem}.{slug}.explanation.png").is_file()
    assert not list(tmp_path.glob(f"*{slug}.components.png"))


def test_what_surrounds_a_broken_picture_is_written_and_told_in_order(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    broken, out = tmp_path / "broken.png", tmp_path / "out"
    broken.write_bytes(b"no picture")
    given = [*samples[:7], broken, *samples[7:]]
    done = _run("explain", inspector, *given, "--method", "cam,grad-cam", "--out", out)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "broken.png is not a picture" in done.stderr
    ends = ("cam.png", "grad-cam.png", "sheet.png")
    pictures = [[f"{path.stem}.{end}" for end in ends] for path in samples]
    said = [line for line in done.stdout.splitlines()[1:] if line]
    assert said[21].startswith(f"left out: {broken} is not a picture")
    told = [Path(line.partition("  ")[0]).name for line in said[:21] + said[22:]]
    assert told == [name for names in pictures for name in names]
    assert sorted(path.name for path in out.glob("*.png")) == sorted(told)
    for path in samples:
        figures = json.loads((out / f"{path.stem}.cam.json").read_text())
        assert figures["predicted"]["label"] == path.stem.partition("-")[0]


def test_methods_and_info(inspector: Path) -> None:
    listed = _run("methods").stdout
    for word in ("score-cam", "torch-cam", "recipro-cam", "gaussian"):
        assert word in listed
    shown = _run("info", inspector).stdout
    for word in ("inspector.safetensors", "features (96, 16, 16)", "128x128 RGB", "scratch"):
        assert word in shown
    assert "precision  float32\n" in shown
    assert "as in float32" not in shown


@pytest.mark.parametrize(
    ("fields", "environment", "shown"),
    [
        (
            ["mean", "full_scale"],
            {},
            "\x1b[1;33m      assumed\x1b[0m\x1b[33m  mean 0.5, full scale",
        ),
        (["mean", "full_scale"], {"NO_COLOR": "1"}, "\x1b[1m      assumed\x1b[0m  mean 0.5, full"),
        (["full_scale"], {}, "\x1b[1m      assumed\x1b[0m  full scale 255: nobody said so"),
        ([], {}, None),
    ],
)
def test_info_shows_what_was_assumed_in_colour(
    inspector: Path,
    tmp_path: Path,
    fields: list[str],
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    shown: str | None,
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(inspector, folder, ignore=shutil.ignore_patterns("samples"))
    edit_manifest(folder, setting("input", "assumed", to=fields))
    for name in ("FORCE_COLOR", "NO_COLOR"):  # older versions of rich heed empty ones, too
        monkeypatch.delenv(name, raising=False)
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color", **environment}
    told = _run("info", folder, **terminal).stdout
    assert ("assumed" in told) == (shown is not None)
    assert shown is None or shown in told
    assert "\x1b" not in _run("info", folder).stdout


@pytest.mark.parametrize(("command", "known"), [("methods", METHODS), ("metrics", METRICS)])
def test_lists_are_readable_at_80_columns(command: str, known: Mapping[str, type]) -> None:
    """No line is longer, and every name and option stands whole at the beginning of one."""
    listed = _run(command, COLUMNS="80").stdout.splitlines()
    assert max(map(len, listed)) <= 80
    firsts = [line.strip().split("  ")[0] for line in listed]
    for name, kind in known.items():
        assert name in listed
        options = [f"{option}={default}" for option, (default, _) in choices(kind).items()]
        assert set(options) <= set(firsts), name


def test_version() -> None:
    said = _run("--version").stdout
    assert said == f"camruntime {version('camexport')}, reads bundles of schema {SCHEMA_VERSION}\n"


def test_info_of_lower_precision_says_how_good_it_is(inspector: Path, tmp_path: Path) -> None:
    shutil.copytree(inspector, tmp_path / "b", ignore=shutil.ignore_patterns("samples"))
    likeness = Fidelity(
        method="score-cam", inputs="pictures", images=3, mean=0.99987, worst=0.99912, same_top=1
    )
    manifest = open_bundle(inspector).manifest
    half = dataclasses.replace(manifest, precision="fp16", fidelity=(likeness,) * 2)
    half.write(tmp_path / "b")
    shown = _run("info", tmp_path / "b").stdout
    assert "precision  fp16\n" in shown
    assert "range when it was built, in float32\n" in shown
    said = (
        "score-cam correlates by 0.99912 at worst (0.99987 in the mean), "
        "same top cell on 100% of 3 pictures"
    )
    assert f"as in float32  {said}; {said}\n" in shown


def test_errors_are_one_line_and_status_one(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    for arguments, said in (
        (("info", tmp_path), "is not a bundle"),
        (("explain", inspector, tmp_path / "no.png", "--out", tmp_path), "No such file"),
        (("explain", inspector, samples[0], "--method", "magic"), "no method 'magic'"),
        (("explain", inspector, samples[0], "--provider", "rocm"), "rocm is not part"),
        (("explain", inspector, samples[0], "--target", "7"), "expected 0 to 4"),
    ):
        done = _run(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("raised", "status"), [(KeyError("x"), 70), (RuntimeError(), 70), (BundleError("x"), 1)]
)
@pytest.mark.parametrize("shown", [False, True])
def test_whatever_goes_wrong_is_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: Exception,
    status: int,
    shown: bool,
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr("camruntime.cli.app.open_any", fail)
    monkeypatch.setattr(sys, "argv", ["camruntime", "info", "b", *["--traceback"] * shown])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == status
    *above, last = capsys.readouterr().err.splitlines()
    assert last.startswith("error: ")
    assert (f"unexpected {type(raised).__name__}" in last) is (status == 70)
    assert any("in fail" in line for line in above) is shown
    assert bool(above) is shown


def test_an_interruption_stays_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("camruntime.cli.app.open_any", interrupt)
    monkeypatch.setattr(sys, "argv", ["camruntime", "info", "b"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 130


def test_methods_may_be_named_one_by_one(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    """None of them is dropped without a word."""
    given = ("--method", "grad-cam,layer-cam", "--method", "recipro-cam")
    done = _run("explain", inspector, samples[0], *given, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    named = {path.name.removeprefix(f"{samples[0].stem}.") for path in tmp_path.glob("*.npy")}
    assert named == {"grad-cam.npy", "layer-cam.npy", "recipro-cam.npy"}
