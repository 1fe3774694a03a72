"""Pictures explained against good parts, by the public road: calibrate, load, explain."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import camruntime
from camruntime import Explanation
from camruntime.calibration import Calibration
from camruntime.good_parts import calibrate, plan
from camruntime.maps import FloatArray
from camruntime.methods import RELATIVE, unit_of
from evidence.sources import Item

TARGET = camruntime.Contrast()  # not good


@dataclass(frozen=True)
class Fold:
    """A network with pictures that it was not trained with.

    Attributes:
        bundle: the network's.
        calibrating: good parts.
        shown: good parts and defects that are explained.
        alpha: what so few good parts can promise; others are taken from random splits.
    """

    bundle: Path
    calibrating: tuple[Item, ...]
    shown: tuple[Item, ...]
    alpha: float


@dataclass(frozen=True, eq=False)
class Seen:
    """What a picture shows.

    Attributes:
        item: the picture.
        strongest: in the raw map's unit, or the target's score of maps without one.
        relative: float32 `(H, W)`, stretched to its own maximum.
        raised: float32 `(H, W)`, what the calibrated scale shows, in the unit of `strongest`: so
            folds compare, whose calibrations differ.
    """

    item: Item
    strongest: float
    relative: FloatArray
    raised: FloatArray


def calibrated(fold: Fold, method: str, work: Path) -> tuple[Path, Calibration]:
    """The calibration's file, and what is in it."""
    parts = work / "parts"
    shutil.rmtree(work, ignore_errors=True)
    parts.mkdir(parents=True)
    for item in fold.calibrating:
        shutil.copy(item.picture, parts / item.picture.name)
    explainer = camruntime.load(fold.bundle, providers=["cpu"])
    planned = plan(explainer, [method], [TARGET], fold.alpha)
    found = calibrate(explainer, parts, planned, work / "unfinished")
    file = work / "calibration.json"
    found.write(file)
    return file, found


def explained(fold: Fold, method: str, calibration: Path) -> Iterator[Seen]:
    """The pictures of `fold.shown`, in order."""
    explainer = camruntime.load(fold.bundle, providers=["cpu"], calibration=calibration)
    pictures = (item.picture for item in fold.shown)
    for item, found in zip(
        fold.shown, explainer.explain_each(pictures, method, TARGET), strict=True
    ):
        assert found.evidence is not None
        measure = found.evidence.yardstick
        raised = measure.threshold + (found.photo_evidence - 1) * measure.scale
        yield Seen(item, _strongest(found), found.photo_saliency, raised.astype("float32"))


def _strongest(found: Explanation) -> float:
    """As a calibration has it of good parts."""
    has_unit = unit_of(found.method) != RELATIVE
    return float(found.raw.max()) if has_unit else found.target.score
