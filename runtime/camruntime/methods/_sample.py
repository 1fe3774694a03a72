"""Channels drawn at random, each with a known chance: the more it may matter, the larger.

Systematic sampling in random order: the chances of all channels in a row on a line, and a comb of
step 1 laid on it at random. So many are drawn as the chances add up to, and each with its chance.
Madow, "On the theory of systematic sampling, II" (1949).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from camruntime.methods._surrogate import Numbers, Surrogate

_LEAST = 0.2
"""Of a channel's part in the map: what its guess may miss at least, when chances are given."""

_MOST = 3.0
"""Deviations of a guess in logits beyond which a larger one makes no larger chance."""


class Drawn(NamedTuple):
    """A round of channels.

    Attributes:
        before: how many were measured before.
        chances: float64 `(m,)`, with which each of them was drawn from what was left.
    """

    before: int
    chances: Numbers


class Sample:
    """Rounds of channels that were drawn one after the other.

    Attributes:
        rounds: those that count.
    """

    def __init__(self, seed: int) -> None:
        """Nothing drawn yet."""
        self._random = np.random.default_rng(seed)
        self.rounds: list[Drawn] = []

    def draw(self, parts: Numbers, surrogate: Surrogate, count: int) -> NDArray[np.int64]:
        """So many of the channels that were not measured, or all if these are fewer.

        `parts` is float64 `(n, h * w)`, what each mask's channels are in sum.
        """
        left = np.setdiff1d(np.arange(len(parts)), surrogate.measured)
        chances = chances_of(_promise(parts, surrogate)[left], min(count, len(left)))
        order = self._random.permutation(len(left))
        # A hair above the last tooth: sums of floats may end below the whole number that they are.
        ends = np.cumsum(chances[order]) + 1e-9
        teeth = self._random.random() + np.arange(round(chances.sum()))
        taken = order[np.minimum(np.searchsorted(ends, teeth), len(order) - 1)]
        self.rounds.append(Drawn(len(surrogate.measured), chances[taken]))
        return np.asarray(left[taken], np.int64)


def chances_of(promise: Numbers, count: int) -> Numbers:
    """In proportion to the promise, at most 1, and `count` in sum.

    Where nothing is promised, or no number, chances are as small as they may be without being 0.
    """
    chances = np.ones(len(promise))
    if count >= len(promise):
        return chances
    sure = np.zeros(len(promise), bool)
    promise = np.where(np.isfinite(promise), promise, 0)
    promise = np.maximum(promise, promise.max(initial=0) * 1e-12 + np.finfo(np.float64).tiny)
    while True:
        chances[sure] = 1
        chances[~sure] = promise[~sure] * ((count - sure.sum()) / promise[~sure].sum())
        beyond = chances > 1
        if not beyond.any():
            return chances
        sure |= beyond


def _promise(parts: Numbers, surrogate: Surrogate) -> Numbers:
    """How much each channel may still change any target's map, relative to what all may."""
    expected, deviation = surrogate.predict()
    weights = np.exp(expected - expected.max(0))  # (n, targets)
    flat = parts - parts.mean(1, keepdims=True)
    norms = np.linalg.norm(flat, axis=1)[:, None]
    shown = weights.T @ flat  # (targets, h * w)
    shown /= np.maximum(np.linalg.norm(shown, axis=1, keepdims=True), np.finfo(np.float64).tiny)
    across = np.sqrt(np.maximum(norms**2 - (flat @ shown.T) ** 2, 0))
    promise = weights * across * (np.expm1(np.minimum(deviation, _MOST)) + _LEAST)
    promise[surrogate.measured] = 0
    whole = np.maximum(promise.sum(0), np.finfo(np.float64).tiny)
    return np.asarray((promise / whole).max(1))
