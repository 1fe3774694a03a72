"""Inspect the parts of a production line with a bundle: a folder that is watched, or a camera.

    python examples/inspection_line.py BUNDLE SOURCE --out FOLDER [--calibration FILE]

SOURCE is a folder, a camera's index or URL, or a video. In `--out`: `records.jsonl`, a line for
each part; `defects/`, what explains them; `errors/`, frames without an answer and the reason;
`heartbeat.json`. SIGTERM or SIGINT ends it once what was taken is done, a second one at once;
SIGHUP opens the bundle again, as does a new one at its place.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
from collections import deque
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from time import monotonic, perf_counter
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from camruntime import CamError
from camruntime.pictures import as_picture
from camruntime.record import RecordLog
from line_camera import Camera, opened_camera, without_password
from line_folder import Folder, recorded
from line_judge import Network
from line_options import arguments
from line_parts import Inbox, Part, tried
from line_watch import Watch
from line_writer import Writer, write_whole

log = logging.getLogger("line")

TICK_S, CHECK_S = 0.1, 1.0
TWICE_S = 0.3  # `timeout` and some supervisors send one signal twice and mean it once


@dataclass
class Counts:
    """What became of the parts that were taken.

    Attributes:
        parts: of which there is a verdict or an error.
        defects, errors, without_map: so many of them; of the last there is a verdict, and an error
            in the place of a map.
        left: taken and not looked at, as the line was stopped. A folder's are taken next time.
        reloads: bundles that took another's place.
    """

    parts: int = 0
    defects: int = 0
    errors: int = 0
    without_map: int = 0
    left: int = 0
    reloads: int = 0


class Grace:
    """Set once the time is over that is left after a stop."""

    ends = float("inf")

    def is_set(self) -> bool:
        """Whether it is."""
        return monotonic() >= self.ends


class Line:
    """A source, a queue, a network and a writer.

    Raises:
        CamError: the bundle does not do, or records cannot be written.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options, self.counts, self.stop, self.grace = options, Counts(), Event(), Grace()
        self._wants_reload, self._failed, self._said_silent = False, False, False
        records = RecordLog(options.out / "records.jsonl")  # mends its end, so it can be read
        self._watch = Watch(options.bundle, options.calibration)
        self.network = Network(options)
        self.inbox = Inbox(options.queue, options.drops, self.stop)
        self.source = self._source(options.out / "records.jsonl")
        self.writer = Writer(records, options.queue, self.grace)
        self._ms: deque[float] = deque(maxlen=1000)
        self._began = self._checked = self._beat = self._stopped = monotonic()

    def _source(self, records: Path) -> Folder | Camera:
        source = self.options.source
        if not self.options.camera:
            return Folder(Path(source), self.options.settle_s, self._read, recorded(records))
        ends = Path(source).is_file()
        return Camera(without_password(source), opened_camera(source, self.options.raw), ends)

    def _read(self, path: Path) -> NDArray[Any]:
        """A file's pixels, in the source's thread."""
        return as_picture(path, self.network.explainer.bundle.manifest.input)

    def run(self) -> int:
        """Inspect until the source is over or somebody stops it; the process's exit status."""
        feeding = Thread(target=self._feed, name="source", daemon=True)
        feeding.start()
        while feeding.is_alive() and not self.stop.is_set():
            self._tend()
            part = self.inbox.get(TICK_S)
            if part is not None:
                self._inspect(part)
        log.info("nothing more is taken; %d parts wait", self.inbox.waiting())
        feeding.join(1.0)  # or it hangs in its camera, and ends with the process
        while not self.grace.is_set() and (part := self.inbox.get(0)) is not None:
            self._inspect(part)
        self.counts.left = self.inbox.waiting()
        self.writer.close()
        self._heartbeat()
        print(json.dumps(self.figures()))
        return 1 if self._failed or self.writer.lost else 0

    def _feed(self) -> None:
        try:
            self.source.run(self.inbox)
        except Exception as error:
            log.error("the source failed: %s", error, exc_info=not isinstance(error, CamError))
            self._failed = True

    def _inspect(self, part: Part) -> None:
        begin, counts = perf_counter(), self.counts
        counts.parts += 1
        found = tried(lambda: self.network.judge(part, self.options.out, self.grace))
        if isinstance(found, CamError):  # no record can be made of it
            self.writer.lose(part.name, found)
            return
        counts.defects += found.defect
        if found.error is not None:
            judged = found.entry.record.verdict is not None
            counts.without_map += judged
            counts.errors += not judged
            log.warning("%r: %s%s", part.name, "no map: " if judged else "", found.error)
        self.writer.add(found.entry)
        self._ms.append(1e3 * (perf_counter() - begin))

    def _tend(self) -> None:
        """What is done now and then: reload, watchdog, heartbeat."""
        now, silent = monotonic(), monotonic() - self.inbox.last
        if silent > self.options.watchdog_s and not self._said_silent:
            log.error("no frame for %.0f s from %s", silent, without_password(self.options.source))
        self._said_silent = silent > self.options.watchdog_s
        if now - self._beat >= self.options.heartbeat_s:
            self._beat = now
            self._heartbeat()
        if self._wants_reload or now - self._checked >= CHECK_S:
            self._checked = now
            self.reload_if_new()

    def reload_if_new(self) -> None:
        """A new bundle is taken once nobody writes it any more; one that does not do is said."""
        if not self._watch.changed(self._wants_reload):
            return
        self._wants_reload = False
        found = tried(lambda: Network(self.options))
        if isinstance(found, CamError):
            log.error("the old bundle stays in use: %s", found)
            return
        self.network = found
        self.counts.reloads += 1
        log.info("reloaded: %s", found.explainer.bundle.manifest.digest)

    def _heartbeat(self) -> None:
        figures = self.figures()
        log.info("heartbeat %s", figures)
        try:
            write_whole(self.options.out / "heartbeat.json", json.dumps(figures).encode() + b"\n")
        except CamError as error:
            log.error("no heartbeat: %s", error)

    def figures(self) -> dict[str, object]:
        """Counts, and milliseconds of the last 1000 parts from the queue to the writer."""
        middle, slow = (
            np.percentile(self._ms, [50, 99]).round(2).tolist() if self._ms else [None] * 2
        )
        return asdict(self.counts) | {
            "delivered": self.inbox.delivered,
            "dropped": self.inbox.dropped,
            "waiting": self.inbox.waiting(),
            "unwritten": self.writer.waiting(),
            "lost": self.writer.lost,
            "p50_ms": middle,
            "p99_ms": slow,
            "last_frame_s": round(monotonic() - self.inbox.last, 1),
            "seconds": round(monotonic() - self._began, 1),
            "bundle": self.network.explainer.bundle.manifest.digest,
        }

    def heed_signals(self) -> None:
        """From now on; only flags are set, as a signal may come in the middle of anything."""

        def end(number: int, frame: FrameType | None) -> None:
            now = monotonic()
            if not self.stop.is_set():
                self._stopped, self.grace.ends = now, now + self.options.grace_s
                self.stop.set()
            elif now - self._stopped > TWICE_S:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)

        def reload(number: int, frame: FrameType | None) -> None:
            self._wants_reload = True

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, reload)


def main(argv: list[str] | None = None) -> None:
    """Open, inspect, and end the process."""
    options = arguments(__doc__, argv)
    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(message)s")
    try:
        line = Line(options)
    except CamError as error:
        sys.exit(f"error: {error}")
    line.heed_signals()
    sys.exit(line.run())


if __name__ == "__main__":
    main()
