"""Good parts split at random into those that calibrate and new ones: does the promise hold?

Of n good parts that calibrate and m new ones, how many new ones show colour is beta-binomial: with
few parts, the threshold itself is a matter of luck, and the share of colour spreads more than
m coins would (Vovk, "Conditional validity of inductive conformal predictors", 2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime.calibration import Reference, parts_needed

Numbers = NDArray[np.float64]

ALPHAS = (0.01, 0.05, 0.1)
SPLITS = 20
LEVEL = 0.95


@dataclass(frozen=True)
class Promise:
    """What was promised and what came, over all splits.

    Attributes:
        alpha: at most this share of new good parts shows colour.
        calibrating, new: good parts in each half.
        thresholds: of each split; empty where there are too few parts.
        shares: of new good parts with colour, in each split.
        low, high: the shares that 95 of 100 splits of other parts would have.
    """

    alpha: float
    calibrating: int
    new: int
    thresholds: tuple[float, ...]
    shares: tuple[float, ...]
    low: float
    high: float


def promise(strongest: Numbers, alpha: float) -> Promise:
    """Split good parts with this strongest evidence, again and again."""
    half = len(strongest) // 2
    new = len(strongest) - half
    if half < parts_needed(alpha):
        return Promise(alpha, half, new, (), (), 0, 0)
    thresholds, shares = [], []
    for seed in range(SPLITS):
        order = np.random.default_rng(seed).permutation(len(strongest))
        threshold = Reference.of(strongest[order[:half]]).threshold(alpha)
        thresholds.append(threshold)
        shares.append(float((strongest[order[half:]] > threshold).mean()))
    low, high = interval(half, new, alpha)
    return Promise(alpha, half, new, tuple(thresholds), tuple(shares), low, high)


def interval(calibrating: int, new: int, alpha: float) -> tuple[float, float]:
    """The shares of `new` good parts between which 95 percent of all splits lie."""
    rank = math.ceil((calibrating + 1) * (1 - alpha) - 1e-9)
    chances = np.cumsum(beta_binomial(new, calibrating + 1 - rank, rank))
    low, high = np.searchsorted(chances, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low) / new, float(high) / new


def beta_binomial(count: int, a: int, b: int) -> Numbers:
    """The chance of 0, 1 ... `count` hits, where their rate is drawn from Beta(a, b)."""
    return np.array(
        [
            math.exp(
                math.lgamma(count + 1)
                - math.lgamma(hits + 1)
                - math.lgamma(count - hits + 1)
                + _log_beta(hits + a, count - hits + b)
                - _log_beta(a, b)
            )
            for hits in range(count + 1)
        ]
    )


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)
