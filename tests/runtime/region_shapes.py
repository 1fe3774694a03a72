"""Shapes of regions, drawn with characters, and explanations that show them."""

from __future__ import annotations

import numpy as np

from camruntime.calibration import Reference, Yardstick
from camruntime.explanation import Explanation
from camruntime.maps import FloatArray
from camruntime.methods import ReciproCAM
from camruntime.pictures import Fit
from camruntime.regions import Mask
from camruntime.verdict import ClassScore, Milliseconds, Provenance

LABELS = ("good", "scratch", "hole")


def shape(*rows: str) -> Mask:
    """Bool `(H, W)`: true where a row of characters has `#`."""
    return np.array([[one == "#" for one in row] for row in rows])


def explained(saliency: FloatArray, raw: FloatArray | None = None) -> Explanation:
    """An explanation of a scratch whose map is this one, photograph and input being of its size.

    With `raw` it is held against good parts: typical 10, threshold 18, so that 26 is 2.
    """
    size = (saliency.shape[0], saliency.shape[1])
    evidence = None
    if raw is not None:
        yardstick = Yardstick(
            of=("recipro-cam", "scratch"), calibration="0" * 64,
            reference=Reference.of(np.arange(1.0, 20.0)), threshold=18.0, typical=10.0, scale=8.0,
            alpha=0.1, relative=False,
        )  # fmt: skip
        evidence = yardstick.evidence(raw, 0.0, size)
    scratch = ClassScore(1, "scratch", 0.75, 2.5)
    return Explanation(
        photo=np.zeros((*size, 3), np.uint8), raw=saliency if raw is None else raw,
        target=scratch, predicted=scratch, present=(scratch,),
        method=ReciproCAM(), no_evidence=not saliency.any(),
        provenance=Provenance("m", "l", "w", "CPUExecutionProvider", "b"),
        milliseconds=Milliseconds(read=1.0, network=2.0, method=3.0),
        fit=Fit(size, size, size, (0, 0)), mean=(0.5, 0.5, 0.5), evidence=evidence,
    )  # fmt: skip
