"""The file of records: whole lines, whatever happens to it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import camruntime
from camruntime.errors import OutputError, RecordError
from camruntime.record import Record, RecordLog, read_records, to_line
from conftest import INSPECTOR
from recorded import recorded


@pytest.fixture(scope="module")
def record() -> Record:
    return recorded(camruntime.load(INSPECTOR, ["cpu"]))


def _parts(path: Path) -> list[str | None]:
    return [one.part for _, one in read_records(path)]


def _fill(log: RecordLog, record: Record, *parts: str) -> None:
    for part in parts:
        log.add(replace(record, part=part))


def test_lines_are_appended_also_by_the_next_process(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "r.jsonl"
    with RecordLog(path) as log:
        _fill(log, record, "1", "2")
        assert _parts(path) == ["1", "2"]  # on the disk before the log is closed
    with RecordLog(str(path)) as log:
        _fill(log, record, "3")
    assert _parts(path) == ["1", "2", "3"]
    assert path.read_bytes() == b"".join(to_line(replace(record, part=one)) for one in "123")


def test_a_closed_log_opens_again(record: Record, tmp_path: Path) -> None:
    log = RecordLog(tmp_path / "r.jsonl")
    for part in "12":
        _fill(log, record, part)
        log.close()
    assert _parts(tmp_path / "r.jsonl") == ["1", "2"]


def test_threads_share_it(record: Record, tmp_path: Path) -> None:
    with RecordLog(tmp_path / "r.jsonl") as log, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda part: _fill(log, record, str(part)), range(200)))
    assert sorted(map(int, filter(None, _parts(tmp_path / "r.jsonl")))) == list(range(200))


def test_threads_may_write_into_files_of_several_days(record: Record, tmp_path: Path) -> None:
    days = [replace(record, time=f"2026-01-{day}T00:00:00.000Z") for day in (30, 31)]
    with RecordLog(tmp_path / "r.jsonl", daily=True) as log, ThreadPoolExecutor(8) as pool:
        list(pool.map(log.add, days * 100))
    assert [len(_parts(one)) for one in tmp_path.iterdir()] == [100, 100]


@pytest.mark.parametrize("torn", [b'{"schema_version": 1, "ti', b"\0" * 70_000, b'{"sch', b"\0"])
@pytest.mark.parametrize("before", [0, 2])
def test_a_line_that_was_cut_off_is_removed(
    record: Record, tmp_path: Path, torn: bytes, before: int
) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(to_line(replace(record, part="0")) * before + torn)
    with RecordLog(path) as log:
        assert path.stat().st_size == len(to_line(replace(record, part="0"))) * before
        _fill(log, record, "1")
    assert _parts(path) == ["0"] * before + ["1"]


@pytest.mark.parametrize("content", [b"name,value\n1,2\n", b"{}\n", b"\x89PNG", b"\n\n"])
def test_another_file_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"mine\.csv holds no records: expected lines that begin"):
        RecordLog(path)
    assert path.read_bytes() == content


def test_a_renamed_file_is_followed_by_a_new_one(record: Record, tmp_path: Path) -> None:
    """As logrotate does it; and where it is removed, and where its folder is."""
    path = tmp_path / "logs" / "r.jsonl"
    log = RecordLog(path)
    _fill(log, record, "1")
    path.rename(tmp_path / "r.jsonl.1")
    _fill(log, record, "2", "3")
    assert (_parts(tmp_path / "r.jsonl.1"), _parts(path)) == (["1"], ["2", "3"])
    path.unlink()
    path.parent.rmdir()
    _fill(log, record, "4")
    assert _parts(path) == ["4"]


def test_a_file_that_was_copied_and_emptied_goes_on(record: Record, tmp_path: Path) -> None:
    """logrotate's `copytruncate`: no hole of zeros where the old lines were."""
    path = tmp_path / "r.jsonl"
    log = RecordLog(path)
    _fill(log, record, "1", "2")
    os.truncate(path, 0)
    _fill(log, record, "3")
    assert _parts(path) == ["3"]


def test_a_file_for_each_day(record: Record, tmp_path: Path) -> None:
    log = RecordLog(tmp_path / "line.3.jsonl", daily=True)
    assert list(tmp_path.iterdir()) == []
    for time in ("2026-01-30T23:59:59.999Z", "2026-01-31T00:00:00.000Z"):
        log.add(replace(record, time=time, part=time))
    found = {one.name: _parts(one) for one in tmp_path.iterdir()}
    assert found == {
        "line.3-2026-01-30.jsonl": ["2026-01-30T23:59:59.999Z"],
        "line.3-2026-01-31.jsonl": ["2026-01-31T00:00:00.000Z"],
    }


def test_one_process_writes_into_a_file(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    code = (
        "import sys\nfrom camruntime import CamError\nfrom camruntime.record import RecordLog\n"
        "try: RecordLog(sys.argv[1])\nexcept CamError as error: print(error)"
    )
    with RecordLog(path):
        done = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
        )
    assert done.stdout.startswith(f"another process writes records into {path}: give each")
    RecordLog(path)


def test_a_full_disk_leaves_whole_lines_and_the_next_one_is_tried(
    record: Record, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "r.jsonl"
    log = RecordLog(path)
    _fill(log, record, "1")
    write: Callable[[int, bytes], int] = os.write
    calls = []

    def full(file: int, data: bytes) -> int:
        calls.append(len(data))
        if len(calls) == 1:
            return write(file, data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OutputError, match=r"disk is full, .* the records before are kept"):
            _fill(log, record, "2")
    assert calls == [len(to_line(replace(record, part="2"))) - one for one in (0, 100)]
    assert _parts(path) == ["1"]
    _fill(log, record, "3")
    assert _parts(path) == ["1", "3"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_what_cannot_be_written_is_said_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path, tmp_path / "file" / "r.jsonl", Path("/proc/r.jsonl")):
        with pytest.raises(OutputError, match=r"^cannot write ") as error:
            RecordLog(path)
        assert len(str(error.value).splitlines()) == 1
    for device in ("/dev/full", "/dev/null"):
        with pytest.raises(OutputError, match="is no file that keeps records"):
            RecordLog(device)
    with pytest.raises(OutputError, match="expected the path of a file for records, got None"):
        RecordLog(None)  # type: ignore[arg-type]
