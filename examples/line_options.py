"""The command line of `inspection_line.py`, checked."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

METHODS = "score-cam,anytime-score-cam,recipro-cam"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(2, f"error: {message} (see --help)\n")


def arguments(about: str | None, argv: list[str] | None) -> argparse.Namespace:
    """What was given, checked as far as it can be before anything is opened.

    `camera` is whether the source is no folder, and `drops` whether a full queue drops the oldest.
    """
    parser = _parser(about)
    found = parser.parse_args(argv)
    for name, text in (("BUNDLE", found.bundle), ("SOURCE", found.source), ("--out", found.out)):
        if not text:
            parser.error(f"{name}: expected a path, got an empty text; set the variable of it")
    source, found.bundle, found.out = map(Path, (found.source, found.bundle, found.out))
    if not (found.source.isdecimal() or "://" in found.source or source.exists()):
        parser.error(f"SOURCE: there is no {found.source!r}: give a folder, an index, URL or video")
    found.camera = not source.is_dir()
    found.drops = found.camera if found.full is None else found.full == "drop-oldest"
    found.methods = found.methods.split(",")
    return found


def _parser(about: str | None) -> Parser:
    parser = Parser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    add = parser.add_argument
    add("bundle", metavar="BUNDLE", help="what `camexport build` wrote")
    add("source", metavar="SOURCE", help="a folder, a camera's index or URL, or a video")
    add("--out", required=True, help="folder for what is written; one line's alone")
    add("--calibration", type=Path, help="what `camruntime calibrate` wrote for 'not good'")
    add("--good", help="label of good parts, where the bundle names none")
    add("--methods", default=METHODS, help=f"the best first; default {METHODS}")
    add("--threshold", type=_from(0, 1), default=1.0, metavar="P", help="a good part gets a map, "
        "too, where some defect is at least so probable; default 1")  # fmt: skip
    add("--budget-ms", type=_above(0), default=200.0, help="for verdict and map; default 200")
    add("--memory-mb", type=_above(0), help="for perturbed copies, on the CPU of Linux")
    add("--queue", type=count, default=32, help="parts that wait at most; default 32")
    add("--full", choices=["block", "drop-oldest"], help="what happens when they do; default "
        "block for a folder, drop-oldest, which is counted, for a camera")  # fmt: skip
    add("--settle-s", type=_from(0), default=0.5, help="a file is taken when it has not changed "
        "for so long; 0 where files are renamed into the folder; default 0.5")  # fmt: skip
    add("--grace-s", type=_from(0), default=10.0, help="to finish after SIGTERM; default 10")
    add("--watchdog-s", type=_above(0), default=60.0, help="no frame for so long is said; 60")
    add("--heartbeat-s", type=_above(0), default=10.0, help="between two heartbeats; default 10")
    add("--raw", action="store_true", help="a camera's frames in their own bits, such as 16")
    add("--provider", help="such as cpu or cuda; default CUDA where it opens")
    add("--threads", type=count, help="of the CPU; default one for each core")
    add("--verbose", action="store_true", help="log every verdict")
    return parser


def _from(least: float, most: float = 1e9) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"expected {least:g} to {most:g}, got {text!r}")
        return value

    return number


def _above(least: float) -> Callable[[str], float]:
    return _from(math.nextafter(least, math.inf))


def count(text: str) -> int:
    """A whole number of things."""
    value = int(text)
    if not 1 <= value <= 4096:
        raise argparse.ArgumentTypeError(f"expected 1 to 4096, got {text!r}")
    return value
