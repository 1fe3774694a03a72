"""How alike maps in lower precision and maps in float32 are, and whether that is enough.

In place of parity with PyTorch: rounding changes every number, and what a bundle is for is its
maps. Both explain the class that float32 finds most likely. For each method that is measured, maps
have to correlate by 0.999 or more on every image, not in the mean, as one map that shows something
else is one wrong explanation; and to have the same top cell on 99 percent of the images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from camexport.errors import FidelityError
from camruntime.bundle import Fidelity, Manifest
from camruntime.datasets import evenly_spread
from camruntime.engine import Engine, OnnxGraphs
from camruntime.errors import NonFiniteError
from camruntime.graphs import Forward
from camruntime.maps import FloatArray, pearson, rescale
from camruntime.methods import METHODS

CORRELATION = 0.999
SAME_TOP = 0.99

Inputs = Literal["pictures", "noise"]

# Of one precision. More would take a large network on two cores more than a quarter of an hour.
_TAILS = 16384
_PASSES = 2048
_FEWEST = 2


def measure_fidelity(
    exact: Engine, lowered: Engine, images: Sequence[FloatArray], inputs: Inputs
) -> tuple[Fidelity, ...]:
    """Compare maps by Recipro-CAM, by Grad-CAM where there is a gradient, and by Score-CAM.

    Score-CAM, a pass for each channel, is measured on a few images that are evenly spread, as many
    as come to 2048 passes, and Recipro-CAM without the graph `cells` on 16384 tails; but on two.

    Args:
        exact: runs the bundle in float32.
        lowered: runs the same in lower precision.
        images: as the network takes them, float32 `(1, channels, H, W)` each; at least one.
        inputs: what they are.

    Raises:
        FidelityError: the lower precision answers NaN or infinity.
    """
    judged = _judged(exact.bundle.manifest, len(images))
    pairs: dict[str, list[tuple[FloatArray, FloatArray]]] = {method: [] for method in judged}
    for index, image in enumerate(images):
        wanted, found = OnnxGraphs(exact).forward(image), _forward(lowered, image)
        target = int(wanted.logits.argmax())
        for method, chosen in judged.items():
            if index in chosen:
                maps = _map(exact, method, wanted, target), _map(lowered, method, found, target)
                pairs[method].append(maps)
    return tuple(_fidelity(method, inputs, maps) for method, maps in pairs.items())


def check_fidelity(measured: Sequence[Fidelity], precision: str) -> None:
    """Raise `FidelityError` where maps differ by more than is allowed."""
    failed = [one for one in measured if not is_faithful(one)]
    if failed:
        raise FidelityError(
            f"maps in {precision} are not those in float32: {'; '.join(map(str, failed))}; "
            f"expected is a correlation of at least {CORRELATION} on every image and the same top "
            f"cell on {SAME_TOP:.0%} of them",
            f". The bundle was not kept: {_advice(failed[0], precision)}",
        )


def is_faithful(fidelity: Fidelity) -> bool:
    """Whether one method's maps are as alike as a bundle's have to be."""
    return fidelity.worst >= CORRELATION and fidelity.same_top >= SAME_TOP


def correlation(one: FloatArray, other: FloatArray) -> float:
    """Pearson's, of two maps of the same shape, in [-1, 1].

    Two flat maps, which both show nothing, are alike: 1. A flat map and one that is not: 0.
    """
    found = pearson(one, other)
    if found is not None:
        return found
    return 0.0 if rescale(one).evidence or rescale(other).evidence else 1.0


def _judged(manifest: Manifest, images: int) -> dict[str, set[int]]:
    """By method, the indices of the images that it is measured on."""
    channels, height, width = manifest.layer.shape
    tails = 1 if "cells" in manifest.graphs else height * width
    counts = {"recipro-cam": _TAILS // tails, "score-cam": _PASSES // channels}
    if "gradient" in manifest.graphs:
        counts["grad-cam"] = images
    return {
        method: set(evenly_spread(max(count, _FEWEST), images)) for method, count in counts.items()
    }


def _forward(lowered: Engine, image: FloatArray) -> Forward:
    try:
        return OnnxGraphs(lowered).forward(image)
    except NonFiniteError as error:
        raise FidelityError(
            "in lower precision the network answers NaN or infinity, as some of its values are "
            "beyond float16's 65504",
            ": the bundle was not kept; build with --precision float32",
        ) from error


def _map(engine: Engine, method: str, forward: Forward, target: int) -> FloatArray:
    """The raw map `(h, w)`."""
    raw: FloatArray = METHODS[method]()(OnnxGraphs(engine), forward, [target]).raw[0]
    return raw


def _fidelity(
    method: str, inputs: Inputs, pairs: Sequence[tuple[FloatArray, FloatArray]]
) -> Fidelity:
    correlations = [correlation(wanted, found) for wanted, found in pairs]
    return Fidelity(
        method=method,
        inputs=inputs,
        images=len(pairs),
        mean=float(np.mean(correlations)),
        worst=min(correlations),
        same_top=float(np.mean([_same_top(wanted, found) for wanted, found in pairs])),
    )


def _same_top(wanted: FloatArray, found: FloatArray) -> bool:
    """Whether the top cell of `found` is one of `wanted`, where several may be equal."""
    return bool(wanted.flat[found.argmax()] == wanted.max())


def _advice(failed: Fidelity, precision: str) -> str:
    if failed.inputs == "noise":
        return "say --calibrate FOLDER to have it judged by photographs, or --precision float32"
    if precision == "int8":
        return (
            "calibrate on more pictures, like those that will be explained, or build with "
            "--precision fp16 or float32"
        )
    return "build with --precision float32"
