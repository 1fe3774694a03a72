"""Whether an explanation shows colour, and how much speaks for a defect: what ROC is drawn over.

With a calibration that is asked of `not good`, on every picture alike, where both the bundle and
the calibration know it. Without one maps are relative: each is stretched to its own maximum, so a
good part shows as much colour as a defect does, and only the network's probability tells them
apart.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

from camruntime.bundle import Manifest, digest_file
from camruntime.calibration import Calibration
from camruntime.datasets import Dataset
from camruntime.explaining import Contrast, Outcome, Wanted, wanted
from camruntime.maps import FloatArray
from camruntime.methods import spec_of, unit_of


@dataclass(frozen=True, eq=False)
class Shown:
    """What is kept of one explanation.

    Attributes:
        has_colour: whether an inspector sees anything in the map.
        score: of the picture, more where a defect is likelier: its strongest evidence in the map's
            own unit, or the probability of any class but good; None where nobody knows.
        relative: whether the map is stretched to its own maximum.
        map: at the photograph's size.
        limit: the highest value that such maps have.
    """

    has_colour: bool
    score: float | None
    relative: bool
    map: FloatArray
    limit: float


def asked_of(
    classes: tuple[int, ...], manifest: Manifest, calibration: Calibration | None
) -> Wanted:
    """A sample's class, which metrics are of; and, where there is a calibration, `not good`."""
    plain = Wanted((classes,))
    if calibration is None or manifest.good is None:
        return plain
    rest = wanted(Contrast(None, manifest.good), manifest.labels, manifest.answer, manifest.good)
    contrast = rest.contrast(0)
    return Wanted(
        (classes, *rest.choices), contrasts=(None, contrast) if contrast is not None else ()
    )


def calibrated_with(dataset: Dataset, calibration: Calibration) -> str:
    """A line about samples that the calibration was measured on; empty where there are none."""
    parts = {part.sha256 for part in calibration.parts}
    count = 0
    for sample in dataset.samples:
        with suppress(OSError):  # told when it is evaluated
            count += digest_file(sample.image) in parts
    if not count:
        return ""
    return (
        f"{count} of {len(dataset.samples)} samples are good parts that the calibration was "
        "measured on: what they show says nothing of new parts; evaluate with others"
    )


def shown(outcome: Outcome, calibration: Calibration | None) -> Shown:
    """By the calibration; without one, and for baselines, by the map and the network's probability.

    Raises:
        CalibrationError: the calibration is not of the method or target.
        NonFiniteError: the map holds NaN or infinity.
    """
    explanation, prediction = outcome.explanations[0], outcome.prediction
    manifest = prediction.photograph.engine.bundle.manifest
    if calibration is not None and unit_of(outcome.method) is not None:
        row = len(outcome.explanations) - 1
        yardstick = calibration.yardstick(spec_of(outcome.method), prediction.by_index(row), False)
        raw, size = outcome.maps.raw[row], manifest.input.size
        found = yardstick.evidence(raw, prediction.score(row), size)
        placed = explanation.fit.with_peak(found.map)
        return Shown(found.has_evidence, found.strongest, False, placed, math.inf)
    probabilities = prediction.forward.probabilities()
    score = None if manifest.good is None else 1 - float(probabilities[manifest.good])
    return Shown(not explanation.no_evidence, score, True, explanation.photo_saliency, 1.0)
