"""Whether an explanation shows colour, and how much speaks for a defect: what ROC is drawn over.

Without a calibration maps are relative: each is stretched to its own maximum, so a good part shows
as much colour as a defect does, and only the network's probability tells them apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from camruntime.explaining import Prediction
from camruntime.explanation import Explanation
from camruntime.maps import FloatArray


class Calibrated(Protocol):
    """What a calibration adds to an explanation.

    Attributes:
        has_evidence: whether more is there than on good parts.
        map: float32 `(h, w)` at the network input's size, alike for all pictures; 1 is the
            threshold.
    """

    has_evidence: bool
    map: FloatArray


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is kept of one explanation.

    Attributes:
        has_colour: whether an inspector sees anything in the map.
        score: of the picture, more where a defect is likelier; None where nobody knows.
        relative: whether the map is stretched to its own maximum.
        map: at the photograph's size.
        limit: the highest value that such maps have.
    """

    has_colour: bool
    score: float | None
    relative: bool
    map: FloatArray
    limit: float


def evidence_of(explanation: Explanation, prediction: Prediction) -> Evidence:
    """By the explanation's calibration; without one, by the map and the network's probability."""
    found: Calibrated | None = getattr(explanation, "evidence", None)
    if found is not None:
        placed = explanation.fit.to_photo(found.map)
        return Evidence(found.has_evidence, float(found.map.max()), False, placed, math.inf)
    good = prediction.photograph.engine.bundle.manifest.good
    probabilities = prediction.forward.probabilities()
    score = None if good is None else 1 - float(probabilities[good])
    return Evidence(not explanation.no_evidence, score, True, explanation.photo_saliency, 1.0)
