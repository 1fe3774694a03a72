"""The journal of an evaluation: cut anywhere, damaged, on a full disk, in a folder that is gone."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from camruntime.errors import EvaluationError, OutputError
from camruntime.evaluation import Evaluation
from camruntime.evaluation.row import Row
from camruntime.journal import DAMAGED, JOURNAL, Journal
from evaluations import evaluation, pictures

ROWS = 8  # four pictures by two methods


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return pictures(tmp_path / "data")


@pytest.fixture
def out(tmp_path: Path, data: Path) -> Path:
    """A folder with a whole evaluation in it."""
    evaluation(data, tmp_path / "out").run()
    return tmp_path / "out"


def _lines(out: Path) -> list[Any]:
    return [json.loads(line) for line in (out / JOURNAL).read_bytes().decode().splitlines()]


def _keys(rows: list[Any]) -> list[tuple[str, str]]:
    return sorted((row["sample"], row["method"]) for row in rows)


def test_a_cut_at_any_byte_loses_nothing_before_it(data: Path, out: Path) -> None:
    """Also in the head line, and between the two bytes of an umlaut."""
    file, every = out / JOURNAL, _keys(_lines(out)[1:])
    content = file.read_bytes()
    head = content.index(b"\n") + 1
    umlaut = content.index("ä".encode(), head) + 1
    whole = (0, 9, head - 1, head, umlaut, len(content) - 1)  # to the end: the others take long
    for cut in (*whole, *range(1, len(content), 61)):
        file.write_bytes(content[:cut])
        kept = content[: content.rfind(b"\n", 0, cut) + 1]
        again = evaluation(data, out)
        assert len(again.journal.rows) == max(0, kept.count(b"\n") - 1)
        if cut in whole:
            again.run()
            assert _keys(_lines(out)[1:]) == every
            assert file.read_bytes().startswith(kept)


@pytest.mark.parametrize(
    "damage", [b"\xff\xfe{", b"\0" * 40, b'{"sample": 3}', b"NaN", b"[" * 9999]
)
def test_damaged_lines_are_kept_aside_and_measured_again(
    data: Path, out: Path, damage: bytes
) -> None:
    file, every = out / JOURNAL, _keys(_lines(out)[1:])
    lines = file.read_bytes().split(b"\n")
    lines[2] = lines[5] = damage
    file.write_bytes(b"\n".join(lines))
    before = file.read_bytes()
    again = evaluation(data, out)
    assert again.journal.damaged == (3, 6)
    assert len(again.journal.rows) == ROWS - 2
    again.run()
    assert (out / DAMAGED).read_bytes() == before
    assert _keys(_lines(out)[1:]) == every
    assert evaluation(data, out).journal.damaged == ()


def test_rows_that_cannot_be_of_this_evaluation_are_damaged(data: Path, out: Path) -> None:
    head, *rows = _lines(out)
    rows[0]["target"] = 5  # of five classes
    rows[1]["sample"] = "nobody.png"
    rows[2]["values"] = {}
    (out / JOURNAL).write_text("\n".join(map(json.dumps, [head, *rows])) + "\n")
    assert evaluation(data, out).journal.damaged == (2, 3, 4)


def test_rows_that_stand_twice_count_once(data: Path, out: Path) -> None:
    """As two runs at once left them before there was a lock."""
    file = out / JOURNAL
    head, *rows = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([head, *rows, *rows[:3]]))
    again = evaluation(data, out)
    assert len(again.rows()) == ROWS
    again.run()
    assert file.read_bytes() == b"".join([head, *rows])


def test_a_head_that_nobody_can_read_says_what_to_do(data: Path, out: Path) -> None:
    file = out / JOURNAL
    content = b"\xff" + file.read_bytes()
    file.write_bytes(content)
    with pytest.raises(EvaluationError, match=r"its first line is damaged, .*move the file away"):
        evaluation(data, out)
    assert file.read_bytes() == content


class _Full(io.FileIO):
    """On a disk with `free` bytes left: a part of what does not fit is written, as disks do."""

    free = 900

    def write(self, data: Any) -> int:
        if not _Full.free:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        part = bytes(data)[: _Full.free]
        _Full.free -= len(part)
        return super().write(part)


def test_a_full_disk_keeps_what_is_whole(
    data: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    every, plainly = _keys(_lines(out)[1:]), Path.open

    def opened(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        return _Full(path, "ab") if mode == "ab" else plainly(path, mode, *rest, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        with pytest.raises(OutputError, match=r"the disk is full, .* results are kept; make room"):
            evaluation(data, tmp_path / "full").run()
    kept = _lines(tmp_path / "full")[1:]
    assert 0 < len(kept) < ROWS
    assert not list((tmp_path / "full").glob(".*"))
    evaluation(data, tmp_path / "full").run()
    assert _keys(_lines(tmp_path / "full")[1:]) == every


@pytest.mark.parametrize("gone", ["folder", "file", "lock", "cut"])
def test_what_somebody_removed_meanwhile_is_written_again(
    data: Path, tmp_path: Path, gone: str
) -> None:
    out = tmp_path / "out"

    def remove(done: int, every: int, what: str) -> None:
        if done == 5:
            match gone:
                case "folder":
                    shutil.rmtree(out)
                case "file":
                    (out / JOURNAL).unlink()
                case "lock":
                    (out / ".lock").unlink()
                case _:
                    os.truncate(out / JOURNAL, 700)

    evaluation(data, out).run(remove)
    assert len(_keys(_lines(out)[1:])) == ROWS
    assert [path.name for path in out.iterdir()] == [JOURNAL]


def test_a_folder_that_cannot_be_made_again_is_an_error(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "disk" / "out"

    def pull(done: int, every: int, what: str) -> None:
        if done == 3:
            shutil.rmtree(tmp_path / "disk")
            (tmp_path / "disk").write_text("not a folder any more")

    with pytest.raises(OutputError, match=r"cannot write .*disk.*run it again"):
        evaluation(data, out).run(pull)


def test_no_row_is_added_by_whoever_does_not_hold_it(tmp_path: Path, data: Path) -> None:
    """Nothing is in the folder before the first row, nor after a run without one."""
    found: Evaluation = evaluation(data, tmp_path / "new")
    assert not (tmp_path / "new").exists()
    with found.journal.held():
        assert (tmp_path / "new" / ".lock").is_file()
    assert not (tmp_path / "new").exists()


def test_what_is_no_number_is_null(tmp_path: Path) -> None:
    row = Row(
        sample="a\udce4.png", category="", method="cam", target=0, predicted=0, right=None,
        probability=0.5, no_evidence=False, values={"iou": float("nan")}, curves={}, passes=1,
        seconds=float("inf"),
    )  # fmt: skip
    journal = Journal(tmp_path, {"schema_version": 2}, Row, lambda row: True)
    with journal.held():
        journal.add(row)
    written = _lines(tmp_path)[1]
    assert (written["values"], written["seconds"]) == ({"iou": None}, None)
    assert written["sample"] == "a\udce4.png"
