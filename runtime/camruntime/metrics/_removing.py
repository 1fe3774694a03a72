"""Pictures of which the most or the least salient pixels are guessed from the others."""

from __future__ import annotations

import numpy as np

from camruntime._checks import within
from camruntime._text import shown
from camruntime.errors import MetricError
from camruntime.metrics._case import Case, Measured
from camruntime.metrics._imputing import imputed


def kept(case: Case, steps: int, noise: float, most_first: bool) -> Measured:
    """Mean probability of the target, times 100, with shares of the pixels removed.

    Equally salient pixels are removed in one random order: guessed from their neighbours, which of
    them are gone moves a figure by 0.2 points at most (root mean square over pictures).

    Args:
        case: the explanation.
        steps: number of shares, evenly spaced and neither 0 nor 1: four are 20, 40, 60, 80 percent.
        noise: standard deviation of what is added to guessed pixels, of the normalised picture;
            always the same noise, so that methods are compared under the same.
        most_first: whether the most salient pixels are removed, or the least salient ones.
    """
    picture, rank = case.forward.image[0], case.rank(0)
    if not most_first:
        rank = rank.size - 1 - rank
    added = np.random.default_rng(0).normal(0, noise, picture.shape).astype(np.float32)
    counts = np.rint(np.linspace(0, rank.size, int(steps) + 2)).astype(int)[1:-1]
    images = [imputed(picture, rank < count) + (rank < count) * added for count in counts]
    return Measured(100 * float(case.probabilities(images).mean(dtype=np.float64)))


def check_removal(steps: object, noise: object) -> None:
    """Raise `MetricError` where nothing is removed, or noise is no standard deviation."""
    if not isinstance(steps, (int, np.integer)):
        raise MetricError(f"steps is a whole number, got {shown(steps)}")
    within("road", MetricError, ("steps", steps, 1, 100), ("noise", noise, 0, 1000))
