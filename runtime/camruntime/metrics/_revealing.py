"""Pictures of which the most salient pixels are removed, or shown alone."""

from __future__ import annotations

from typing import Literal

import numpy as np

from camruntime._checks import within
from camruntime._text import shown
from camruntime.errors import MetricError
from camruntime.maps import FloatArray
from camruntime.metrics._case import Case, Measured
from camruntime.metrics._trapezoid import trapezoid
from camruntime.pictures import gaussian_blur

Baseline = Literal["mean", "black", "blur"]

_SIGMA = 5 / 224  # of the blur, as a part of the shorter side: RISE's 5 pixels at 224


def area(case: Case, steps: int, baseline: Baseline, revealing: bool) -> Measured:
    """Area under the target's probability while pixels change, the most salient first.

    Args:
        case: the explanation.
        steps: number of equal parts of the picture that change one after the other, at least 1.
        baseline: what takes the place of a pixel that is not seen.
        revealing: from the baseline to the picture, or the other way round.

    Returns:
        The area by the trapezoid rule over the share of pixels that changed, times 100, and the
        `steps + 1` probabilities.
    """
    picture, hidden = case.forward.image[0], hiding(case, baseline)
    rank = np.empty(case.order.size, np.intp)
    rank[case.order] = np.arange(case.order.size)
    rank = rank.reshape(picture.shape[1:])
    counts = np.rint(np.linspace(0, rank.size, int(steps) + 1)).astype(int)
    first, second = (picture, hidden) if revealing else (hidden, picture)
    images = [np.where(rank < count, first, second) for count in counts]
    scores = case.probabilities(images).astype(np.float64)
    share = float(trapezoid(scores, counts / rank.size))
    return Measured(100 * share, tuple(scores.tolist()))


def check_steps(steps: object) -> None:
    """Raise `MetricError` where no part of the picture changes, or more than fit into memory."""
    if not isinstance(steps, (int, np.integer)):
        raise MetricError(f"steps is a whole number, got {shown(steps)}")
    within("insertion and deletion", MetricError, ("steps", steps, 1, 1000))


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
