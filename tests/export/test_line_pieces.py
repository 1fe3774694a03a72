"""What `examples/inspection_line.py` is made of, piece by piece and in this process."""

from __future__ import annotations

import argparse
import errno
import json
import logging
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import camruntime
import line_camera
import line_folder
from camruntime import CamError
from camruntime.bundle import Manifest
from camruntime.errors import BudgetError, CalibrationError, OutputError
from camruntime.good_parts import calibrate, plan
from camruntime.pictures import Picture, read_picture
from camruntime.record import RecordLog, picture_of, record_of
from good_parts import write_parts
from inspection_line import Line
from line_camera import Camera, without_password
from line_folder import Folder, recorded
from line_judge import Network
from line_options import arguments
from line_parts import Inbox, Part
from line_writer import Entry, Writer, write_whole

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
OUT = Path("out")
NEVER = Event()


def options(*more: str) -> argparse.Namespace:
    """As of a command line."""
    given = [str(INSPECTOR), ".", "--out", str(OUT), "--threads", "1"]
    return arguments(None, [*given, "--methods", "recipro-cam", *more])


def pixels(name: str) -> Picture:
    """One of the bundle's samples."""
    return read_picture(INSPECTOR / "samples" / f"{name}.png")


def sample(name: str) -> Part:
    """The same, as a camera gives it."""
    return Part(name, pixels(name), NOW)


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(options())


def test_a_map_that_does_not_fit_leaves_the_verdict(network: Network) -> None:
    part = sample("crack-1")
    found = Network(options("--budget-ms", "0.01")).judge(part, OUT, NEVER)
    assert found.defect
    assert type(found.error) is BudgetError
    assert found.entry.record.verdict is not None
    assert found.entry.record.verdict.predicted.label == "crack"
    assert found.entry.record.map is None
    frame, reason = found.entry.files
    assert [frame.suffix, reason.suffix] == [".npy", ".json"]
    assert frame.parent == OUT / "errors"
    assert found.entry.files[frame]().endswith(np.asarray(part.frame).tobytes())
    assert json.loads(found.entry.files[reason]())["reason"] == str(found.error)


def test_the_verdict_counts_in_the_budget(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[camruntime.Policy] = []
    explain = network.explainer.explain

    def watch(frame: Any, policy: camruntime.Policy, *rest: Any, **more: Any) -> object:
        asked.append(policy)
        return explain(frame, policy, *rest, **more)

    monkeypatch.setattr(network.explainer, "explain", watch)
    network.judge(sample("crack-1"), OUT, NEVER)
    (policy,) = asked
    assert policy.budget_ms is not None
    assert 100 < policy.budget_ms < 199.9


def test_good_parts_get_a_map_above_the_threshold_and_no_picture(network: Network) -> None:
    part = sample("good-1")
    assert network.judge(part, OUT, NEVER).entry.record.map is None
    verdict = network.explainer.predict(pixels("good-1"))
    worst = float(verdict.probabilities[1:].max())
    for threshold, has_map in ((worst * 0.99, True), (worst * 1.01, False)):
        found = Network(options("--threshold", f"{threshold:.9f}")).judge(part, OUT, NEVER)
        assert (found.entry.record.map is not None) is has_map
        assert found.entry.files == {}
        assert not found.defect


def test_evidence_decides_with_a_calibration(tmp_path: Path) -> None:
    """Also of parts that the network calls good: they are drawn where they have evidence."""
    explainer = camruntime.load(INSPECTOR, ["cpu"], threads=1)
    good = write_parts(tmp_path / "good", range(30))
    method = "recipro-cam:score=logit"
    planned = plan(explainer, (method,), ["not good"], 0.05)
    file = tmp_path / "calibration.json"
    calibrate(explainer, good, planned, tmp_path / "unfinished").write(file)
    more = ("--calibration", str(file), "--threshold", "0")
    network = Network(options(*more, "--methods", method))
    seen = {}
    for name in ("good-1", "good-2", "crack-1", "scratch-1"):
        part = sample(name)
        found = network.judge(part, OUT, NEVER)
        record = found.entry.record
        by_hand = network.explainer.explain(pixels(name), method, "not good")
        assert record.evidence is not None
        assert by_hand.evidence is not None
        assert record.evidence.score == by_hand.evidence.score
        assert [one.x for one in record.regions] == [one.x for one in by_hand.regions]
        assert bool(found.entry.files) is (found.defect or by_hand.has_evidence)
        seen[name] = (found.defect, by_hand.has_evidence)
    assert seen["good-2"] == (False, True)
    with pytest.raises(CalibrationError, match="recipro-cam"):
        Network(options(*more))
    of_one = plan(explainer, (method,), ["crack"], 0.05)
    calibrate(explainer, good, of_one, tmp_path / "of one").write(file)
    with pytest.raises(CalibrationError, match="not of what is explained"):
        Network(options(*more, "--methods", method))


def test_what_nobody_foresaw_of_a_file_is_its_error(tmp_path: Path) -> None:
    def fails(path: Path) -> NDArray[Any]:
        raise MemoryError("of a decoder")

    (tmp_path / "a.png").write_bytes(b"?")
    (part,) = Folder(tmp_path, 0, fails, {}).parts()
    assert isinstance(part.frame, CamError)
    assert "MemoryError: of a decoder" in str(part.frame)


def test_a_part_without_a_record_is_lost_and_the_line_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As nobody can record it, it would else end the line again at every start."""
    given = [str(INSPECTOR), str(INSPECTOR / "samples"), "--out", str(tmp_path), "--settle-s", "0"]
    line = Line(arguments(None, [*given, "--methods", "recipro-cam", "--budget-ms", "60000"]))
    judge, judged = line.network.judge, list[str]()

    def fails_once(part: Part, *rest: Any) -> object:
        judged.append(part.name)
        if len(judged) == 2:
            raise ZeroDivisionError
        if len(judged) == 3:
            line.stop.set()
        return judge(part, *rest)

    monkeypatch.setattr(line.network, "judge", fails_once)
    assert line.run() == 1
    found = json.loads(capsys.readouterr().out)
    assert found["lost"] == 1
    assert found["parts"] == found["delivered"] == len(judged) > 2
    records = (tmp_path / "records.jsonl").read_bytes()
    assert records.count(b"\n") == found["parts"] - 1


def test_what_nobody_foresaw_is_one_part_s_error(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*rest: Any) -> None:
        raise ZeroDivisionError("of a driver")

    monkeypatch.setattr(network.explainer, "predict", fails)
    found = network.judge(sample("crack-1"), OUT, NEVER)
    assert found.entry.record.error is not None
    assert found.entry.record.error.message == "unexpected ZeroDivisionError: of a driver"
    assert str(found.error) == found.entry.record.error.message


def test_a_bundle_that_names_no_good_parts_is_told_which(monkeypatch: pytest.MonkeyPatch) -> None:
    load = camruntime.load

    def nameless(*rest: Any, **more: Any) -> camruntime.Explainer:
        found = load(*rest, **more)
        bundle = found.bundle
        manifest: Manifest = replace(bundle.manifest, good=None)
        object.__setattr__(bundle, "manifest", manifest)
        return found

    monkeypatch.setattr(camruntime, "load", nameless)
    with pytest.raises(CamError, match="names no class of good parts: give --good one of good, "):
        Network(options())
    found = Network(options("--good", "stain"))
    assert found.judge(sample("good-1"), OUT, NEVER).defect
    assert not found.judge(sample("stain-1"), OUT, NEVER).defect


class Stub:
    """A camera that gives frames, and then none, or an error of OpenCV's."""

    def __init__(self, frames: list[NDArray[Any]], ends: Callable[[], None]) -> None:
        self.frames, self.ends, self.released = iter(frames), ends, False

    def read(self) -> tuple[bool, Any]:
        for frame in self.frames:
            return True, frame
        self.ends()
        return False, None

    def release(self) -> None:
        self.released = True


def test_a_camera_that_stops_is_opened_again_ever_later(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(line_camera, "FIRST_WAIT_S", 0.01)
    stop = Event()
    inbox = Inbox(10, False, stop)
    frames = [np.full((4, 4, 3), (1, 2, 1000 + index), np.uint16) for index in range(3)]

    def breaks() -> None:
        raise cv2.error("unplugged")

    stubs = [
        Stub(frames[:2], breaks),
        Stub([], lambda: None),
        Stub([], lambda: None),
        Stub([frames[2], frames[2][..., 0]], lambda: None),
        Stub([], stop.set),
    ]
    left = iter(stubs)
    with caplog.at_level(logging.WARNING, "line"):
        Camera("0", lambda: next(left), False).run(inbox)
    assert all(stub.released for stub in stubs)
    parts = [inbox.get(0) for _ in range(inbox.delivered)]
    assert inbox.delivered == 4
    for index, part in enumerate(parts[:3]):
        assert part is not None
        assert isinstance(part.frame, np.ndarray)
        assert part.frame.dtype == np.uint16
        assert part.frame[0, 0].tolist() == [1000 + index, 2, 1]
        assert part.name.endswith(f"-{index + 1}")
    grey = parts[3]
    assert grey is not None
    assert isinstance(grey.frame, np.ndarray)
    assert grey.frame.shape == (4, 4)
    waits = [one.message.rpartition("opened again in ")[2] for one in caplog.records]
    assert [wait for wait in waits if wait.endswith(" s")] == ["0.0 s"] * 4
    seconds = [
        one.args[1] for one in caplog.records if isinstance(one.args, tuple) and "again" in one.msg
    ]
    assert seconds == [0.01, 0.02, 0.04, 0.01]
    assert "unplugged" in caplog.text


def test_a_video_without_a_frame_is_an_error() -> None:
    with pytest.raises(CamError, match=r"no frame in line\.avi"):
        Camera("line.avi", lambda: Stub([], lambda: None), True).run(Inbox(1, True, Event()))


def test_a_folder_that_is_gone_may_come_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop, folder = Event(), tmp_path / "share"
    inbox = Inbox(10, False, stop)
    source = Folder(folder, 0, read_picture, {})
    thread = Thread(target=source.run, args=(inbox,))
    thread.start()
    try:
        assert inbox.get(0.5) is None
        folder.mkdir()
        cv2.imwrite(str(folder / "a.PNG"), np.zeros((4, 4, 3), np.uint8))
        part = inbox.get(5)
    finally:
        stop.set()
        thread.join()
    assert part is not None
    assert part.name == "a.PNG"
    assert [one.levelname for one in caplog.records] == ["ERROR"]  # once, and not at every look


def test_a_file_is_known_until_it_was_away_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(line_folder, "monotonic", lambda: now[0])
    file, away = tmp_path / "a.png", tmp_path / "a.away"
    cv2.imwrite(str(file), np.zeros((4, 4, 3), np.uint8))
    source = Folder(tmp_path, 0, read_picture, {})
    assert len(list(source.parts())) == 1
    for hours, parts in ((20, 0), (40, 0), (130, 1)):
        now[0] += 1
        file.rename(away)
        assert list(source.parts()) == []
        now[0] = 3600.0 * hours
        assert list(source.parts()) == []
        away.rename(file)
        assert len(list(source.parts())) == parts
        file.touch()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    whole = b'{"picture": {"path": "/in/a.png", "file_sha256": "0f"}}\n'
    none = b'{"picture": {"path": null, "file_sha256": null}}\n'
    file.write_bytes(whole + none)
    assert recorded(file) == {"a.png": "0f"}
    file.write_bytes(whole + b"{}\n")
    with pytest.raises(CamError, match=r"line 2 is no record"):
        recorded(file)


def test_a_file_that_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), np.zeros((4, 4, 3), np.uint8))
    tried: list[Path] = []

    def read(path: Path) -> NDArray[Any]:
        tried.append(path)
        if len(tried) == 1:
            cv2.imwrite(str(file), np.full((5, 5, 3), 9, np.uint8))
        return read_picture(path)

    source = Folder(tmp_path, 0, read, {})
    assert list(source.parts()) == []
    (part,) = source.parts()
    assert isinstance(part.frame, np.ndarray)
    assert part.frame.shape == (5, 5, 3)
    assert list(source.parts()) == []
    assert len(tried) == 2


class Full:
    """A disk that is full for some tries."""

    def __init__(self, tries: int) -> None:
        self.tries, self.added = tries, list[str | None]()

    def add(self, record: Any) -> None:
        self.tries -= 1
        if self.tries >= 0:
            raise OutputError("the disk is full")
        self.added.append(record.part)

    def close(self) -> None:
        pass


@pytest.fixture
def entries(network: Network) -> list[Entry]:
    picture = picture_of(np.zeros((4, 4, 3), np.uint8))
    return [
        Entry(record_of(CamError("none"), picture, network.explainer, part=f"{index}"))
        for index in range(3)
    ]


def test_a_full_disk_is_tried_again_in_order(
    entries: list[Entry], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("line_writer.RETRY_S", 0.01)
    disk: Any = Full(5)
    writer = Writer(disk, 3, NEVER)
    for entry in entries:
        writer.add(entry)
    while writer.waiting() or writer.failures:
        NEVER.wait(0.01)
    writer.close()
    assert disk.added == ["0", "1", "2"]
    assert writer.lost == 0
    assert "writing goes on, after 5 tries" in caplog.text


def test_nothing_is_left_of_a_file_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a full disk took of it would keep others from being written."""

    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_whole(tmp_path / "a.png", b"old")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"a\.png: No space left"):
        write_whole(tmp_path / "a.png", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


def test_what_never_is_written_is_counted(entries: list[Entry]) -> None:
    disk: Any = Full(1000)
    writer = Writer(disk, 3, NEVER)
    for entry in entries:
        writer.add(entry)
    writer.close()
    assert disk.added == []
    assert writer.lost == 3


def test_a_disk_that_hangs_does_not_keep_the_line_from_ending(
    entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    hurry, back = Event(), Event()

    class Hangs(Full):
        def add(self, record: Any) -> None:
            back.wait(10)

    disk: Any = Hangs(0)
    writer = Writer(disk, 1, hurry)
    writer.add(entries[0])
    while writer.waiting():
        NEVER.wait(0.01)
    writer.add(entries[1])
    hurry.set()
    writer.add(entries[2])
    assert writer.lost == 1
    monkeypatch.setattr("line_writer.LEAST_S", 0.1)
    writer.close()
    assert writer.lost == 3
    back.set()


def test_a_slow_disk_is_waited_for_where_nobody_is_in_a_hurry(
    entries: list[Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("line_writer.LEAST_S", 0)

    class Slow(Full):
        def add(self, record: Any) -> None:
            NEVER.wait(0.1)
            super().add(record)

    disk: Any = Slow(0)
    writer = Writer(disk, 3, NEVER)
    for entry in entries:
        writer.add(entry)
    writer.close()
    assert disk.added == ["0", "1", "2"]
    assert writer.lost == 0


def test_records_are_real_ones(entries: list[Entry], tmp_path: Path) -> None:
    with RecordLog(tmp_path / "records.jsonl") as records:
        writer = Writer(records, 3, NEVER)
        writer.add(entries[0])
        writer.close()
    assert (tmp_path / "records.jsonl").read_bytes().count(b"\n") == 1


def test_a_bundle_is_opened_when_nobody_writes_it_any_more(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, opened = tmp_path / "bundle", list[str]()
    shutil.copytree(INSPECTOR, bundle)
    line = Line(arguments(None, [str(bundle), str(tmp_path), "--out", str(tmp_path / "out")]))

    def instead(given: argparse.Namespace) -> Network:
        opened.append((bundle / "weights.bin").read_text())
        return network

    monkeypatch.setattr("inspection_line.Network", instead)
    line.reload_if_new()
    for content in ("a", "a half", "a whole one"):
        (bundle / "weights.bin").write_text(content)
        line.reload_if_new()
    assert opened == []
    line.reload_if_new()
    line.reload_if_new()
    line.writer.close()
    assert opened == ["a whole one"]


def test_no_password_is_shown() -> None:
    assert without_password("rtsp://me:secret@10.0.0.1/a@b") == "rtsp://***@10.0.0.1/a@b"
    assert without_password("/dev/video0") == "/dev/video0"
