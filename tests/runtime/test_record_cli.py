"""`camruntime explain --record` and `camruntime replay`, as a user would call them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from camruntime.record import read_records
from conftest import INSPECTOR
from recorded import CRACK, METHOD, STAIN, calibrated


@pytest.fixture(scope="module")
def calibration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return calibrated(tmp_path_factory.mktemp("calibration"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two pictures, and a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(CRACK, folder / "a.png")
    shutil.copy(STAIN, folder / "b.png")
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "camruntime", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _explain(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    where = ("--out", folder / "out", "--record", folder / "r.jsonl", "--provider", "cpu")
    return _run("explain", INSPECTOR, *arguments, *where)


def test_a_run_is_recorded_and_replayed(photos: Path, tmp_path: Path, calibration: Path) -> None:
    pictures = sorted(photos.iterdir())
    methods = "recipro-cam,grad-cam,anytime-score-cam:milliseconds=15.0"
    done = _explain(tmp_path, *pictures, "--method", methods)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {photos / 'bad.png'} is not a picture")
    done = _explain(
        tmp_path, *pictures[:2], "--method", METHOD, "--target", "not good",
        "--calibration", calibration,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    records = [one for _, one in read_records(tmp_path / "r.jsonl")]
    said = [(one.picture.path, one.method.spec) for one in records if one.method is not None]
    first = [(str(path), spec) for path in pictures for spec in methods.split(",")]
    assert said == [*first, *((str(path), METHOD) for path in pictures[:2])]
    errors = [one.error.type for one in records if one.error is not None]
    assert errors == ["ImageError"] * 3
    assert [one.target.asked for one in records] == [None] * 9 + ["not good"] * 2

    done = _run("replay", tmp_path / "r.jsonl", "--calibration", calibration)
    assert done.returncode == 0, done.stdout + done.stderr
    *lines, summary = done.stdout.splitlines()
    assert lines[0] == "line 1  a.png  recipro-cam  the same"
    assert [line.split("  ")[-1] for line in lines] == ["the same"] * 11
    assert summary == "11 records: 11 the same"
    done = _run("replay", tmp_path / "r.jsonl")
    assert done.stdout.splitlines()[-1] == "11 records: 9 the same, 2 not replayable"
    assert done.returncode == 0


def test_what_differs_ends_in_status_1(photos: Path, tmp_path: Path) -> None:
    assert _explain(tmp_path, photos / "a.png").returncode == 0
    file = tmp_path / "r.jsonl"
    record = json.loads(file.read_text("utf-8"))
    record["verdict"]["predicted"]["probability"] = 0.25
    record["part"] = "A\x1b[31m 17"
    file.write_text(json.dumps(record) + "\n", "utf-8")
    done = _run("replay", file)
    assert done.returncode == 1
    line, summary = done.stdout.splitlines()
    assert line.startswith(
        r"line 1  A\x1b[31m 17  a.png  recipro-cam  different: predicted.probability 0.25 recorded"
    )
    assert summary == "1 record: 1 different"
    assert done.stderr == ""
    done = _run("replay", file, "--json")
    assert done.returncode == 1
    found: Any = json.loads(done.stdout)
    assert found["outcome"] == "different"
    assert found["agreement"]["map_difference"] == 0
    assert len(found["agreement"]["differences"]) == 1


def test_nothing_that_could_be_replayed_is_no_success(photos: Path, tmp_path: Path) -> None:
    assert _explain(tmp_path, photos / "a.png").returncode == 0
    shutil.copy(STAIN, photos / "a.png")
    done = _run("replay", tmp_path / "r.jsonl")
    assert done.returncode == 1
    assert "a.png is another picture now, SHA-256 " in done.stdout
    done = _run("replay", tmp_path / "r.jsonl", "--pictures", CRACK.parent)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "1 record: 1 the same")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    done = _run("replay", tmp_path / "empty.jsonl")
    assert (done.returncode, done.stdout) == (1, "there is no record in the file\n")


def test_a_damaged_line_is_named_in_a_line(photos: Path, tmp_path: Path) -> None:
    assert _explain(tmp_path, photos / "a.png").returncode == 0
    file = tmp_path / "r.jsonl"
    file.write_bytes(file.read_bytes() + b'{"schema_version": 7}\n')
    done = _run("replay", file)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"error: {file}, line 2 is no record of schema 1")


def test_a_file_that_cannot_take_records_is_said_before_anything_is_written(
    photos: Path, tmp_path: Path
) -> None:
    for place in (photos, photos / "bad.png"):
        done = _run(
            "explain", INSPECTOR, photos / "a.png", "--out", tmp_path / "out", "--record", place
        )
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert not (tmp_path / "out").exists()
    assert (photos / "bad.png").read_bytes() == b"no picture"
