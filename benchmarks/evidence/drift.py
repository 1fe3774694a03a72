"""The drift test: false alarms while nothing changes, and how soon a change is seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

import camruntime
from camruntime import Drift
from camruntime.calibration import Calibration, OfMethod, OfTarget, Part, measures_of
from camruntime.pictures import Picture, read_picture
from evidence.datasets import ALPHA, DATA_SETS
from evidence.explained import TARGET, Fold, calibrated

MAIN = "recipro-cam:score=logit"
PER_ALARM = 10_000
LINES = 200  # runs of a line, in orders of chance
MOST = 10_000  # parts of a line on which nothing changes
BEFORE = 100  # good parts before the change
Change = Callable[[Picture], Picture]


@dataclass(frozen=True)
class Quiet:
    """Lines on which nothing changes: those with an alarm within some parts, and what bounds it."""

    calibrating: int
    per_alarm: int
    parts: int
    lines: int
    alarms: float
    bound: float


@dataclass(frozen=True)
class Seen:
    """How a change is seen.

    Attributes:
        data, change: what was changed.
        called_good: the share of changed good parts that the network still calls good.
        parts: it takes until the alarm, the median over lines; None where fewer than half of them
            give one.
        alarms: the share of lines that give one within `within` parts after the change.
    """

    data: str
    change: str
    called_good: float
    parts: float | None
    alarms: float
    within: int


def _blurred(sigma: float) -> Change:
    return lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def _noisy(share: float) -> Change:
    """That share of the pixels turned to their opposite."""

    def change(picture: Picture) -> Picture:
        flipped = np.random.default_rng(int(picture.sum())).random(picture.shape[:2]) < share
        return np.where(flipped[..., None], 255 - picture, picture).astype(np.uint8)

    return change


def _darker(picture: Picture) -> Picture:
    return np.asarray(cv2.convertScaleAbs(picture, alpha=0.8), np.uint8)


def _thinner(picture: Picture) -> Picture:
    return np.asarray(cv2.erode(picture, np.ones((3, 3), np.uint8)), np.uint8)


CHANGES: dict[str, dict[str, Change]] = {
    "inspector": {
        "none": lambda picture: picture,
        "a fifth darker": _darker,
        "out of focus, 1 px": _blurred(1),
        "out of focus, 2 px": _blurred(2),
        "1 of 1,000 pixels flipped": _noisy(0.001),
    },
    "boards": {
        "none": lambda picture: picture,
        "out of focus, 1 px": _blurred(1),
        "white shrinks by a pixel": _thinner,
        "1 of 1,000 pixels flipped": _noisy(0.001),
    },
}


def drift(data: Path, work: Path) -> dict[str, list[dict[str, object]]]:
    """All of it, from its file where it is there."""
    file = work / "drift.json"
    if not file.is_file():
        quiet = [asdict(one) for one in false_alarms()]
        length = [{"per_alarm": 1_000, "most": MOST, "mean": run_length(1_000)}]
        seen = [asdict(one) for name in CHANGES for one in power(name, data, work)]
        file.write_text(
            json.dumps({"quiet": quiet, "length": length, "seen": seen}, indent=1), encoding="utf-8"
        )
    found: dict[str, list[dict[str, object]]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def false_alarms() -> Iterator[Quiet]:
    """Ranks do not depend on the distribution: any will do, and normal numbers are one."""
    for calibrating, per_alarm, parts in (
        (100, 1_000, 100), (100, 10_000, 1_000), (1_000, 1_000, 100), (1_000, 10_000, 1_000),
    ):  # fmt: skip
        alarms = []
        for seed in range(LINES):
            values = np.random.default_rng(seed).standard_normal(calibrating + parts)
            watch = Drift(
                _of_values(values[:calibrating]), parts_per_false_alarm=per_alarm, seed=seed
            )
            alarms.append(_first_alarm(watch, values[calibrating:]) is not None)
        yield Quiet(calibrating, per_alarm, parts, LINES, float(np.mean(alarms)), parts / per_alarm)


def run_length(per_alarm: int) -> float:
    """Parts until an alarm while nothing changes, the mean over lines; `MOST` where none comes."""
    lengths = []
    for seed in range(LINES // 2):
        random = np.random.default_rng(seed)
        watch = Drift(
            _of_values(random.standard_normal(300)), parts_per_false_alarm=per_alarm, seed=seed
        )
        lengths.append(_first_alarm(watch, random.standard_normal(MOST)) or MOST)
    return float(np.mean(lengths))


def power(name: str, data: Path, work: Path) -> Iterator[Seen]:
    """Real good parts, and the same pictures changed."""
    fold = DATA_SETS[name](data, work).folds[0]
    file, calibration = calibrated(fold, MAIN, work / "calibrating")
    before = _evidence(fold, file, lambda picture: picture)
    for change, apply in CHANGES[name].items():
        after = _evidence(fold, file, apply)
        within = len(after) - BEFORE
        first = [_line(calibration, before, after, seed) for seed in range(LINES)]
        parts = float(np.median([np.inf if one is None else one for one in first]))
        alarms = sum(one is not None for one in first) / LINES
        called = float(np.isfinite(after).mean())
        yield Seen(name, change, called, parts if np.isfinite(parts) else None, alarms, within)


def _evidence(fold: Fold, calibration: Path, change: Change) -> NDArray[np.float64]:
    """Of each good part that is shown; NaN of one that the network calls bad."""
    explainer = camruntime.load(fold.bundle, providers=["cpu"], calibration=calibration)
    good = explainer.bundle.manifest.good
    shown = [one for one in fold.shown if one.place is None or one.place == ()]
    pictures = (change(read_picture(one.picture)) for one in shown)
    strongest = []
    for found in explainer.explain_each(pictures, MAIN, TARGET):
        assert found.evidence is not None
        taken = found.predicted.index == good
        strongest.append(found.evidence.strongest if taken else np.nan)
    return np.array(strongest)


def _line(
    calibration: Calibration, before: NDArray[np.float64], after: NDArray[np.float64], seed: int
) -> int | None:
    """Parts after the change until the alarm; an alarm before it counts as none."""
    order = np.random.default_rng(seed).permutation(len(after))
    watch = Drift(calibration, parts_per_false_alarm=PER_ALARM, seed=seed)
    for one in before[order[:BEFORE]]:
        if np.isfinite(one) and watch.add_evidence(float(one)) is not None:
            return None
    return _first_alarm(watch, after[order[BEFORE:]])


def _first_alarm(watch: Drift, values: Sequence[float] | NDArray[np.float64]) -> int | None:
    for number, one in enumerate(values, 1):
        if np.isfinite(one) and watch.add_evidence(float(one)) is not None:
            return number
    return None


def _of_values(values: NDArray[np.float64]) -> Calibration:
    threshold, typical, scale = measures_of(values, ALPHA)
    target = OfTarget(
        target="not good",
        classes=(1,),
        against=0,
        threshold=threshold,
        threshold_as_top=None,
        typical=typical,
        scale=scale,
        strongest=tuple(values.tolist()),
    )
    return Calibration(
        bundle="0" * 64,
        model="",
        layer="",
        provider="",
        alpha=ALPHA,
        good=None,
        parts=tuple(Part(name=str(row), sha256=f"{row:064}", top=0) for row in range(len(values))),
        left_out=(),
        methods=(OfMethod(method=MAIN, unit="logit", targets=(target,)),),
    )
