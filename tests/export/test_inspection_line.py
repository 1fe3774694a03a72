"""`examples/inspection_line.py` as a process: every part has one record, whatever happens to it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from soak import two_bundles

import camruntime
from camruntime.bundle import digest_file
from camruntime.pictures import Picture, encode_png, read_picture
from camruntime.record import Record, read_records
from inspection_line import Line
from inspection_line import main as run

PROJECT = Path(__file__).parents[2]
INSPECTOR = PROJECT / "exported_models" / "inspector"
SAMPLES = sorted((INSPECTOR / "samples").glob("*.png"))
USUAL = ("--threads", "1", "--budget-ms", "60000")  # a test's machine may be busy
FAST = (*USUAL, "--settle-s", "0", "--methods", "recipro-cam")
SLOW = (*USUAL, "--settle-s", "0", "--methods", "score-cam")  # 70 ms for each defect


@dataclass
class Started:
    """A line that runs, what it writes, and how it ends."""

    process: subprocess.Popen[str]
    out: Path
    log: Path
    figures: dict[str, Any] = field(default_factory=dict)

    def records(self) -> list[Record]:
        file = self.out / "records.jsonl"
        whole = file.read_bytes().rpartition(b"\n")[0] if file.exists() else b""
        return [one for _, one in read_records(file)] if whole else []

    def parts(self) -> list[str]:
        """Names, in the order of the records."""
        text = (self.out / "records.jsonl").read_text() if self.out.exists() else ""
        return [json.loads(line)["part"] for line in text.splitlines() if line.endswith("}")]

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def until(self, true: Callable[[], object]) -> None:
        ends = time.monotonic() + 30
        while not true():
            assert time.monotonic() < ends, self.said()
            assert self.process.poll() is None, self.said()
            time.sleep(0.02)

    def until_parts(self, count: int) -> None:
        self.until(lambda: (self.out / "records.jsonl").exists() and len(self.parts()) >= count)

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> int:
        printed, _ = self.process.communicate(timeout=30)
        self.figures = json.loads(printed) if printed else {}
        return self.process.returncode

    def drawn(self, folder: str) -> list[str]:
        """Files in a folder of what was written; hidden ones, too."""
        return sorted(file.name for file in (self.out / folder).glob("*"))


Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    lines: list[Started] = []

    def run(source: Path, *options: str, bundle: Path = INSPECTOR) -> Started:
        log = tmp_path / f"log-{len(lines)}"
        command = [sys.executable, str(PROJECT / "examples" / "inspection_line.py"), str(bundle)]
        with log.open("w") as errors:
            process = subprocess.Popen(
                [*command, str(source), "--out", str(tmp_path / "out"), *options],
                stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        lines.append(Started(process, tmp_path / "out", log))
        return lines[-1]

    yield run
    for line in lines:
        line.process.kill()
        line.process.communicate()


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


@pytest.fixture(scope="module")
def explainer() -> camruntime.Explainer:
    return camruntime.load(INSPECTOR, ["cpu"], threads=1)


def part(index: int, kind: str = "crack") -> Picture:
    """A part with a defect, or `good`; another picture for each index."""
    picture = read_picture(INSPECTOR / "samples" / f"{kind}-1.png").copy()
    picture[0, 0] = index
    return picture


def fill(folder: Path, count: int, first: int = 0) -> list[str]:
    """Cracked parts."""
    names = [f"part-{index:03d}.png" for index in range(first, first + count)]
    for index, name in enumerate(names, first):
        rename_into(folder / name, encode_png(part(index)))
    return names


def rename_into(path: Path, content: bytes) -> None:
    aside = path.with_suffix(".aside")
    aside.write_bytes(content)
    aside.rename(path)


def test_each_part_has_a_record_a_defect_a_picture_and_an_error_its_frame(
    watched: Path, start: Start, explainer: camruntime.Explainer
) -> None:
    for file in SAMPLES:
        shutil.copy(file, watched)
    cut = SAMPLES[0].read_bytes()[:3000]
    (watched / "cut.png").write_bytes(cut)
    (watched / "text.png").write_text("a picture, says its name\n")
    (watched / "notes.txt").write_text("no picture\n")
    line = start(watched, *FAST, "--heartbeat-s", "0.2", "--watchdog-s", "0.5")
    line.until_parts(12)
    line.until(lambda: "no frame for" in line.said())
    beat = json.loads((line.out / "heartbeat.json").read_text())
    assert line.end() == 0
    assert "recorded already" not in line.said()  # what was taken is not looked at again

    records = {record.part: record for record in line.records()}
    assert len(line.records()) == 12
    assert {name: one.picture.file_sha256 for name, one in records.items()} == {
        file.name: digest_file(file) for file in watched.glob("*.png")
    }
    defects = []
    for file in SAMPLES:
        verdict, record = explainer.predict(file), records[file.name]
        assert record.verdict is not None
        assert record.verdict.predicted == verdict.predicted
        if verdict.predicted.label == "good":
            assert record.map is None
            continue
        defects.append(f"{file.name}-{digest_file(file)[:8]}.png")
        made = explainer.explain(file, "recipro-cam", "not good")
        assert record.map is not None
        np.testing.assert_array_equal(record.map.array(), made.raw)
        drawn = read_picture(line.out / "defects" / defects[-1])
        np.testing.assert_array_equal(drawn, made.picture())
    assert 4 < len(defects) < 10
    assert line.drawn("defects") == sorted(defects)

    assert len(line.drawn("errors")) == 4
    (kept,) = (line.out / "errors").glob("cut.png-*.png")
    assert kept.read_bytes() == cut
    for name in ("cut.png", "text.png"):
        (reason,) = (line.out / "errors").glob(f"{name}-*.json")
        error = records[name].error
        assert error is not None
        assert error.type == "ImageError"
        assert json.loads(reason.read_text())["reason"] == error.message
        assert name in error.message
    counted = {"parts": 12, "defects": len(defects), "errors": 2, "delivered": 12, "dropped": 0}
    assert counted.items() <= line.figures.items()
    assert counted.items() <= beat.items()
    assert 0 < beat["p50_ms"] <= beat["p99_ms"]


def test_a_file_that_is_still_written_is_not_read(
    watched: Path, start: Start, explainer: camruntime.Explainer
) -> None:
    """A file grows for a second; written again later, it is another part."""
    line = start(watched, *FAST, "--settle-s", "0.8")
    line.until(lambda: "maps take" in line.said())
    content, picture = SAMPLES[0].read_bytes(), watched / "part.png"
    with picture.open("wb", buffering=0) as file:
        for share in np.array_split(np.frombuffer(content, np.uint8), 10):
            file.write(share.tobytes())
            time.sleep(0.1)
        assert line.parts() == []
    line.until_parts(1)
    picture.touch()  # the same picture: no new part
    time.sleep(1.2)
    picture.write_bytes(SAMPLES[-1].read_bytes())
    line.until_parts(2)
    assert line.end() == 0
    for record, shown in zip(line.records(), (SAMPLES[0], SAMPLES[-1]), strict=True):
        assert record.verdict is not None
        assert record.verdict.predicted == explainer.predict(shown).predicted
        assert record.picture.file_sha256 == digest_file(shown)


@pytest.mark.parametrize("full", ["drop-oldest", "block"])
def test_a_camera_that_is_too_fast(
    full: str, tmp_path: Path, start: Start, explainer: camruntime.Explainer
) -> None:
    """Nothing vanishes: a frame has a record, or it was dropped, the oldest, and counted."""
    video = tmp_path / "line.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 25, (128, 128))
    for index in range(40):
        writer.write(part(index, "good" if index % 4 == 3 else "crack")[..., ::-1])
    writer.release()
    options = [] if full == "drop-oldest" else ["--full", full]  # what a camera does anyway
    line = start(video, *SLOW, "--queue", "4", *options)
    assert line.finish() == 0
    records, found = line.records(), line.figures
    assert found["delivered"] == 40
    assert found["parts"] == len(records)
    assert found["defects"] == len(line.drawn("defects"))
    assert found["parts"] + found["dropped"] == 40
    assert (found["dropped"] > 5) is (full == "drop-oldest")
    numbers = [int(str(record.part).rpartition("-")[2]) for record in records]
    assert numbers == sorted(set(numbers))
    assert numbers[-4:] == [37, 38, 39, 40]  # those that waited, as the older ones were dropped
    frames = cv2.VideoCapture(str(video))
    shown = [cv2.cvtColor(frames.read()[1], cv2.COLOR_BGR2RGB) for _ in range(40)]
    for number, record in zip(numbers, records, strict=True):
        assert record.verdict is not None
        assert record.verdict.predicted == explainer.predict(shown[number - 1]).predicted


def test_sigterm_finishes_what_was_taken_and_the_next_run_the_rest(
    watched: Path, start: Start
) -> None:
    names = fill(watched, 30)
    line = start(watched, *SLOW, "--queue", "5")
    line.until_parts(4)
    assert line.end() == 0
    first = line.parts()
    assert 4 <= len(first) < 30
    assert line.figures["delivered"] == line.figures["parts"] == len(first)
    assert len(line.drawn("defects")) == len(first)
    assert not [name for name in line.drawn("defects") if name.startswith(".")]
    rest = start(watched, *FAST)
    rest.until_parts(30)
    assert rest.end(signal.SIGINT) == 0
    assert sorted(line.parts()) == names
    assert rest.figures["parts"] == 30 - len(first)


def test_no_grace_leaves_what_waits_to_the_next_run(watched: Path, start: Start) -> None:
    fill(watched, 30)
    line = start(watched, *SLOW, "--queue", "20", "--grace-s", "0")
    line.until_parts(2)
    assert line.end() == 0
    found = line.figures
    assert found["left"] > 0
    assert found["delivered"] == found["parts"] + found["left"]
    assert found["parts"] == len(line.parts())


def test_a_second_signal_ends_at_once(watched: Path, start: Start) -> None:
    fill(watched, 40)
    line = start(watched, *SLOW, "--queue", "40")
    line.until_parts(2)
    line.process.send_signal(signal.SIGTERM)
    line.process.send_signal(signal.SIGINT)  # at once: it is the same wish
    line.until(lambda: "nothing more is taken" in line.said())
    time.sleep(0.4)
    assert line.end() == -signal.SIGTERM
    assert line.figures == {}
    assert len(line.parts()) < 40


def test_killed_and_started_again_nothing_is_there_twice(watched: Path, start: Start) -> None:
    names = fill(watched, 20)
    line = start(watched, *SLOW)
    line.until_parts(5)
    line.end(signal.SIGKILL)
    with (line.out / "records.jsonl").open("ab") as file:  # as of a line that was cut off
        file.write(b'{"schema_version": 1, "time": "20')
    again = start(watched, *FAST)
    again.until_parts(20)
    assert again.end() == 0
    assert sorted(line.parts()) == names
    assert len({one.picture.file_sha256 for one in line.records()}) == 20
    assert "is recorded already" in again.said()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="reloads at SIGHUP")
def test_a_new_bundle_is_taken_and_rubbish_is_not(
    watched: Path, tmp_path: Path, start: Start
) -> None:
    bundle, other = two_bundles(tmp_path)
    digests = [camruntime.open_bundle(one).manifest.digest for one in (bundle, other)]
    line = start(watched, *FAST, bundle=bundle)
    fill(watched, 3)
    line.until_parts(3)
    bundle.rename(tmp_path / "old")
    other.rename(bundle)
    line.until(lambda: "reloaded" in line.said())
    fill(watched, 3, 3)
    line.until_parts(6)

    bundle.rename(tmp_path / "aside")
    bundle.mkdir()
    (bundle / "bundle.json").write_text("rubbish")
    line.until(lambda: "the old bundle stays in use" in line.said())
    fill(watched, 3, 6)
    line.until_parts(9)

    shutil.rmtree(bundle)
    (tmp_path / "old").rename(bundle)
    line.until(lambda: line.said().count("reloaded") == 2)
    line.process.send_signal(signal.SIGHUP)  # nothing is new, but for what was said
    line.until(lambda: line.said().count("reloaded") == 3)
    fill(watched, 3, 9)
    line.until_parts(12)
    assert line.end() == 0
    used = [record.bundle.digest for record in line.records()]
    assert used == [digests[0]] * 3 + [digests[1]] * 6 + [digests[0]] * 3
    assert line.figures["reloads"] == 3
    assert sorted(line.parts()) == [f"part-{index:03d}.png" for index in range(12)]


def test_what_cannot_be_written_is_said_and_written_later(
    watched: Path, tmp_path: Path, start: Start
) -> None:
    """The folder of overlays is a file, which stands for a full disk; then it is not any more."""
    names = fill(watched, 3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "defects").write_text("in the way")
    line = start(watched, *FAST, "--queue", "4")
    line.until(lambda: "part 'part-000.png' waits for the disk: cannot write" in line.said())
    (line.out / "defects").unlink()
    line.until_parts(3)
    (line.out / "defects").rename(line.out / "moved")
    (line.out / "defects").write_text("in the way")
    fill(watched, 8, 3)  # one is tried, four wait, and three are lost
    line.until(lambda: line.said().count("has no record") == 3)
    (line.out / "defects").unlink()
    line.until_parts(8)
    assert line.end() == 1
    assert line.figures["lost"] == 3
    assert line.figures["parts"] == 11
    assert names == sorted(line.parts())[:3]
    assert "writing goes on" in line.said()


@pytest.mark.parametrize(
    ("options", "said", "status"),
    [
        (["BUNDLE", "nowhere", "--out", "o"], "there is no 'nowhere'", 2),
        (["BUNDLE", "", "--out", "o"], "SOURCE: expected a path, got an empty text", 2),
        (["BUNDLE", ".", "--out", ""], "--out: expected a path, got an empty text", 2),
        (["", ".", "--out", "o"], "BUNDLE: expected a path, got an empty text", 2),
        (["BUNDLE", ".", "--out", "o", "--threshold", "nan"], "expected 0 to 1, got 'nan'", 2),
        (["BUNDLE", ".", "--out", "o", "--budget-ms", "0"], "--budget-ms: expected", 2),
        (["BUNDLE", ".", "--out", "o", "--queue", "many"], "invalid count value: 'many'", 2),
        (["nowhere", ".", "--out", "o"], "no bundle at nowhere", 1),
        (["BUNDLE", ".", "--out", "o", "--good", "fine"], "no class 'fine': give --good one of", 1),
        (["BUNDLE", ".", "--out", "o", "--methods", "score-can"], "did you mean score-cam", 1),
    ],
)
def test_wrong_options_are_said_in_a_line(
    options: list[str],
    said: str,
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Line, "run", lambda line: 0)
    monkeypatch.setattr(Line, "heed_signals", lambda line: None)
    with pytest.raises(SystemExit) as ended:
        run([str(INSPECTOR) if one == "BUNDLE" else one for one in options])
    text = capsys.readouterr().err or str(ended.value.code)
    assert said in text
    assert len(text.strip().splitlines()) == 1
    assert (1 if isinstance(ended.value.code, str) else ended.value.code) == status


def test_no_training_framework_is_imported() -> None:
    code = "import sys, inspection_line; assert not {'torch', 'camexport'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PROJECT / "examples")
