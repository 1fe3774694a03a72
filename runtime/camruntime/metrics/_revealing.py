"""Pictures of which the most salient pixels are removed, or shown alone."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import within
from camruntime._text import shown
from camruntime.errors import MetricError
from camruntime.maps import FloatArray
from camruntime.metrics._case import Case, Measured
from camruntime.metrics._trapezoid import trapezoid
from camruntime.pictures import gaussian_blur

Baseline = Literal["mean", "black", "blur"]

_SIGMA = 5 / 224  # of the blur, as a part of the shorter side: RISE's 5 pixels at 224


def area(case: Case, steps: int, baseline: Baseline, orders: int, revealing: bool) -> Measured:
    """Area under the target's probability while pixels change, the most salient first.

    Args:
        case: the explanation.
        steps: number of equal parts of the picture that change one after the other, at least 1.
        baseline: what takes the place of a pixel that is not seen.
        orders: number of random orders of equally salient pixels to average over, at least 1. They
            cost passes only at steps that part equal pixels.
        revealing: from the baseline to the picture, or the other way round.

    Returns:
        The area by the trapezoid rule over the share of pixels that changed, times 100, and the
        `steps + 1` probabilities, each the mean over the orders.
    """
    picture, hidden = case.forward.image[0], hiding(case, baseline)
    first, second = (picture, hidden) if revealing else (hidden, picture)
    counts = np.rint(np.linspace(0, case.saliency.size, int(steps) + 1)).astype(int)
    parting = _parts_ties(case.saliency, counts)

    def scores(seed: int, at: NDArray[np.intp]) -> NDArray[np.float64]:
        images = [np.where(case.rank(seed) < count, first, second) for count in at]
        return case.probabilities(images).astype(np.float64)

    mean = scores(0, counts)
    if parting.any():
        others = [scores(seed, counts[parting]) for seed in range(1, int(orders))]
        mean[parting] = np.mean([mean[parting], *others], axis=0)
    share = float(trapezoid(mean, counts / case.saliency.size))
    return Measured(100 * share, tuple(mean.tolist()))


def _parts_ties(saliency: FloatArray, counts: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether the last of `counts` most salient pixels is as salient as the next one."""
    falling, size = -np.sort(-saliency.ravel()), saliency.size
    alike: NDArray[np.bool_] = falling[counts - 1] == falling[counts % size]
    return alike & (counts > 0) & (counts < size)


def check_steps(steps: object, orders: object) -> None:
    """Raise `MetricError` where no part of the picture changes, or more than fit into memory."""
    for name, value in (("steps", steps), ("orders", orders)):
        if not isinstance(value, (int, np.integer)):
            raise MetricError(f"{name} is a whole number, got {shown(value)}")
    limits = ("steps", steps, 1, 1000), ("orders", orders, 1, 1000)
    within("insertion and deletion", MetricError, *limits)


def hiding(case: Case, baseline: Baseline) -> FloatArray:
    """What is seen in place of the picture, normalised, `(channels, H, W)`."""
    image = case.forward.image
    if baseline == "mean":
        image = np.zeros_like(image)
    elif baseline == "black":
        image = case.forward.normalisation.image(np.zeros_like(image))
    else:
        image = gaussian_blur(image, _SIGMA * min(image.shape[2:]))
    only: FloatArray = image[0]
    return only
