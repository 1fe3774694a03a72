"""Two runs of `evaluate` in one folder: one works, the other says which one does."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from camruntime.disk import lock_file
from camruntime.errors import EvaluationError
from camruntime.journal import JOURNAL, FolderLock, lock
from evaluations import INSPECTOR, evaluation, pictures

HOLD = """
import sys, time
from pathlib import Path
from camruntime.journal import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def _holder(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_named_and_its_end_frees_the_folder(tmp_path: Path) -> None:
    data, out = pictures(tmp_path / "data"), tmp_path / "out"
    with _holder(out) as holder:
        one = evaluation(data, out)
        with pytest.raises(EvaluationError) as refused:
            one.run()
        said = str(refused.value)
        assert re.search(rf"another run writes into .*out: process {holder.pid} on \S+ since", said)
        assert not (out / JOURNAL).exists()
        holder.kill()
    assert (out / ".lock").is_file()  # left by the dead
    assert one.run().samples == 4
    assert not (out / ".lock").exists()


def test_rows_of_a_run_that_ended_meanwhile_are_not_measured_again(tmp_path: Path) -> None:
    data, out = pictures(tmp_path / "data"), tmp_path / "out"
    late, early = evaluation(data, out), evaluation(data, out)
    early.run()
    steps: list[str] = []
    late.run(lambda done, every, what: steps.append(what))
    assert steps == []
    assert len((out / JOURNAL).read_bytes().splitlines()) == 1 + 8


def test_a_lock_is_free_again_and_its_file_is_gone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    first = FolderLock(folder)
    with pytest.raises(EvaluationError, match=f"process {os.getpid()} on "):
        FolderLock(folder)
    first.release()
    assert list(tmp_path.iterdir()) == []
    second = FolderLock(folder)
    (folder / ".lock").unlink()
    assert not second.holds()
    third = FolderLock(folder)
    second.release()  # of a file that is gone: the third one's stays
    assert third.holds()
    third.release()


def test_a_lock_whose_file_is_removed_while_it_is_taken_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its holder let go between our opening the file and locking it."""
    removed: list[Path] = []

    def late(file: int) -> bool:
        if not removed:
            removed.append(tmp_path / ".lock")
            removed[0].unlink()
        return lock_file(file)

    monkeypatch.setattr(lock, "lock_file", late)
    taken = FolderLock(tmp_path)
    assert removed
    assert taken.holds()
    taken.release()


def test_a_run_ends_where_another_one_began_in_its_place(tmp_path: Path) -> None:
    data, out = pictures(tmp_path / "data"), tmp_path / "out"
    others: list[FolderLock] = []

    def replace(done: int, every: int, what: str) -> None:
        if done == 3:
            (out / ".lock").unlink()
            others.append(FolderLock(out))

    with pytest.raises(EvaluationError, match="another run writes into"):
        evaluation(data, out).run(replace)
    assert others[0].holds()
    others[0].release()


def test_runs_at_once_leave_each_row_once(tmp_path: Path) -> None:
    data, out = pictures(tmp_path / "data"), tmp_path / "out"
    runs = [_evaluate(data, out) for _ in range(3)]
    said = [run.communicate(timeout=60)[1] for run in runs]
    codes = [run.returncode for run in runs]
    assert 0 in codes
    assert all(
        code == 0 or "another run writes into" in text
        for code, text in zip(codes, said, strict=True)
    )
    rows = [json.loads(line) for line in (out / JOURNAL).read_bytes().splitlines()[1:]]
    pairs = [(row["sample"], row["method"]) for row in rows]
    assert len(pairs) == len(set(pairs)) == 4 * 5


def test_kills_at_any_moment_lose_nothing(tmp_path: Path) -> None:
    """What was on the disk stays as it was, and the last run makes it whole."""
    data, out = pictures(tmp_path / "data"), tmp_path / "out"
    file, kept, moments = out / JOURNAL, b"", random.Random(15)
    for _ in range(4):
        run = _evaluate(data, out)
        end = time.monotonic() + 20
        while run.poll() is None and time.monotonic() < end and _size(file) <= len(kept):
            time.sleep(0.002)
        time.sleep(moments.uniform(0, 0.03))
        run.send_signal(signal.SIGKILL)
        run.communicate()
        content = file.read_bytes() if file.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        assert whole.startswith(kept)
        kept = whole
    last = _evaluate(data, out)
    assert last.communicate(timeout=60)[1] == ""
    assert last.returncode == 0
    rows = [json.loads(line) for line in file.read_bytes().splitlines()[1:]]
    assert len({(row["sample"], row["method"]) for row in rows}) == len(rows) == 4 * 5
    assert file.read_bytes().startswith(kept)


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _evaluate(data: Path, out: Path) -> subprocess.Popen[str]:
    command = [
        *(sys.executable, "-m", "camruntime", "evaluate", str(INSPECTOR), str(data)),
        *("--methods", "recipro-cam", "--metrics", "complexity,insertion:steps=20"),
        *("--out", str(out), "--provider", "cpu", "--threads", "1"),
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
