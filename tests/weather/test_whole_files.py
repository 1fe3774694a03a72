"""Files appear whole or not at all, and those of one explanation together."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camruntime._whole_files import write_whole
from camruntime.errors import OutputError
from camruntime.evaluation import write_page, write_results
from evaluations import INSPECTOR, explainer

SAMPLE = INSPECTOR / "samples" / "crack-1.png"


def _full_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is full at this flush to it; before, a part may have been written."""
    left, flush = [calls], os.fsync

    def fsync(file: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(file)

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_full_disk_leaves_nothing_of_an_explanation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    found = explainer().explain(SAMPLE)
    _full_after(calls, monkeypatch)
    with pytest.raises(OutputError, match=r"one\.json: the disk is full, [0-9.]+ MB are free"):
        found.save(tmp_path, "one")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    explainer().explain(SAMPLE, target="crack").save(tmp_path, "one")
    write_page(tmp_path / "report.html", "before")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    _full_after(0, monkeypatch)
    with pytest.raises(OutputError, match="disk is full"):
        explainer().explain(SAMPLE, target="good").save(tmp_path, "one")
    with pytest.raises(OutputError, match="disk is full"):
        write_page(tmp_path / "report.html", "after")
    with pytest.raises(OutputError, match="disk is full"):
        write_results(tmp_path / "results.csv", [], [])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_figures_say_that_all_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ended between any two renames, there are no figures, old or new, beside other pictures."""
    explainer().explain(SAMPLE, target="crack").save(tmp_path, "one")
    after = explainer().explain(SAMPLE, target="good")
    rename, order = Path.replace, []

    def replace(source: Path, target: Path) -> Path:
        order.append(target.name)
        assert not (tmp_path / "one.json").exists()
        return rename(source, target)

    monkeypatch.setattr(Path, "replace", replace)
    _, raw, figures = after.save(tmp_path, "one")
    assert order == ["one.png", "one.npy", "one.json"]
    assert json.loads(figures.read_text())["target"]["label"] == "good"
    np.testing.assert_array_equal(np.load(raw), after.raw)
    assert len(list(tmp_path.iterdir())) == 3


def test_a_name_that_cannot_be_given_takes_none(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    files = {tmp_path / "a": b"1", tmp_path / "b": b"2", tmp_path / "c": b"3"}
    with pytest.raises(OutputError, match="cannot write"):
        write_whole(files)
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


@pytest.mark.parametrize(("command", "more"), [("explain", ()), ("compare", ("--methods", "cam"))])
def test_a_folder_that_is_none_is_one_line(
    tmp_path: Path, command: str, more: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("mine")
    done = _run(command, INSPECTOR, SAMPLE, *more, "--out", tmp_path / "file" / "out")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("error: cannot write ")
    assert (tmp_path / "file").read_text() == "mine"


def _run(*arguments: object) -> Any:
    command = [sys.executable, "-m", "camruntime", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
