"""What a random sample of channels certifies: a lower bound of the correlation with the exact map.

The exact map lies where the shown one does, plus what the guesses of the channels that were not
measured miss, `sum_k (exp(z_k) - exp(g_k)) A_k`. Of a sample in which channel k came with chance
p_k, the sum of the same over the drawn, each divided by p_k, is right in the mean, whatever the
network is (Horvitz and Thompson, 1952). What a drawn channel's guess misses is measured against the
guess that all other scores make, so the sample teaches the surrogate and judges it all the same
(prediction-powered inference: Angelopoulos and others, arXiv 2301.09633).

The missing sum has one direction, though nobody knows which, and along it the estimate is a number:
it is off by more than so many standard deviations as rarely as a number is. So the sum is at most
as long as its estimate plus so many deviations along the direction in which they are largest.

A tenth of the draws, those that say most, counts hardly more than the next one (Winsor's mean:
Tukey, 1962). A single surprise in an unlikely draw made nine tenths of the doubt before, and did
not stand for others. The estimate is then too short where single channels do make the sum, as with
scores that no mask foretells: how often a certificate holds is measured (`benchmarks/README.md`).
"""

from __future__ import annotations

from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from camruntime.methods._sample import Drawn
from camruntime.methods._student import student
from camruntime.methods._surrogate import Numbers, Surrogate

CONFIDENCE = 0.95
MOST = 0.995
"""More is never certified: a few dozen draws say nothing of what one channel in hundreds does."""

FEWEST = 16
"""Draws, of which anything is certified: channels with a fifth of all chances then rarely hide."""

_FIRST = 0.8
"""Of the doubt, what the first look takes; each later one takes a fifth of the one before."""

_UNSEEN = 2.0
"""How much of what one draw stands for may be a surprise that no draw shows: a logit off by 1.1."""

_OUTLYING = 0.1
_BEYOND = 1.5
"""Of the draws, a tenth counts at most 1.5 times as much as the next one: else a single channel in
an unlikely draw stands for dozens of its kind, of which hardly any is there."""

_ROUGHEST = 1.2
"""Logits by which half of the drawn channels' guesses may be off: beyond, single channels make a
map, and few draws do not see them. Of simulated scores of deviation 5, else 4 of 10 hold."""

_HOPELESS = 300.0
"""Logits above the largest score beyond which it does not matter by how much a guess is off."""


def certified(
    parts: Numbers, surrogate: Surrogate, rounds: list[Drawn], look: int
) -> tuple[float, ...]:
    """For each target what the correlation is at least; -1 where nothing can be said.

    Args:
        parts: float64 `(n, h * w)`, what each mask's channels are in sum.
        surrogate: of their scores.
        rounds: of channels that were drawn at random; others may have been measured between them.
        look: how often was looked before, at the most 5 times.
    """
    targets: int = surrogate.predict()[0].shape[1]
    if len(surrogate.measured) == len(parts):
        return (1.0,) * targets
    draws = sum(len(one.chances) for one in rounds)
    if draws < FEWEST:
        return (-1.0,) * targets
    doubt = (1 - CONFIDENCE) * _FIRST * (1 - _FIRST) ** look
    deviations = student(NormalDist().inv_cdf(1 - doubt), draws - 1)
    shares = _shares(rounds, len(surrogate.measured))
    guesses = surrogate.left_out()
    return tuple(
        min(MOST, _bound(_view(parts, surrogate, guesses[:, target], target), shares, deviations))
        if missed <= _ROUGHEST
        else -1.0
        for target, missed in enumerate(_missed(surrogate, guesses, rounds))
    )


def _missed(surrogate: Surrogate, guesses: Numbers, rounds: list[Drawn]) -> Numbers:
    """By how many logits guesses miss drawn channels, the median, for each target."""
    drawn = np.concatenate([one.before + np.arange(len(one.chances)) for one in rounds])
    apart = surrogate.predict()[0][surrogate.measured] - guesses
    return np.asarray(np.median(np.abs(apart[drawn]), axis=0))


class _Shares(NamedTuple):
    """How measured channels' misses make the estimate, `(m,)` each, in the order of measuring.

    Attributes:
        total: of the sum of what unmeasured channels' guesses miss.
        spread: of its standard deviation, as if draws were independent.
        draws: how many.
    """

    total: Numbers
    spread: Numbers
    draws: int


def _shares(rounds: list[Drawn], measured: int) -> _Shares:
    """Every round estimates the sum over what was not measured before it; the mean of all counts.

    What was measured in it or later is known by now, and taken off.
    """
    total, spread = np.zeros(measured), np.zeros(measured)
    draws = sum(len(one.chances) for one in rounds)
    for before, chances in rounds:
        share, here = len(chances) / draws, slice(before, before + len(chances))
        total[before:] -= share
        total[here] += share / chances
        spread[here] = share * np.sqrt(np.maximum(1 - chances, 0)) / chances
    return _Shares(total, spread * np.sqrt(draws / (draws - 1)), draws)


class _View(NamedTuple):
    """The parts of a map as seen from the one that is shown.

    Attributes:
        length: of the shown map, centred.
        along: float64 `(m,)`, how far what each measured channel's guess misses lengthens it.
        across: float64 `(m, h * w)`, and turns it.
        unmeasured: how long the other channels' parts are, across it and one after the other.
        linear: whether no ReLU acts, so that lengths along and across are those of the exact map.
    """

    length: float
    along: Numbers
    across: Numbers
    unmeasured: float
    linear: bool


def _view(parts: Numbers, surrogate: Surrogate, guesses: Numbers, target: int) -> _View:
    """Of one target, whose measured scores' guesses `(m,)` were made by all others."""
    rows = surrogate.measured
    expected = surrogate.predict()[0][:, target]
    top = expected.max()
    weights = np.exp(expected - top)
    missed = weights[rows] - np.exp(np.minimum(guesses - top, _HOPELESS))
    linear = bool((parts >= 0).all())
    if linear:
        flat = parts - parts.mean(1, keepdims=True)
        shown = weights @ flat
        length = float(np.linalg.norm(shown))
        along = flat @ (shown / max(length, np.finfo(np.float64).tiny))
        across = flat - np.outer(along, shown / max(length, np.finfo(np.float64).tiny))
    else:  # behind a ReLU and centred, maps differ by no more than before
        shown = np.maximum(weights @ parts, 0)
        length = float(np.linalg.norm(shown - shown.mean()))
        along, across = np.zeros(len(parts)), parts
    lengths = weights * np.linalg.norm(across, axis=1)
    return _View(
        length=length,
        along=missed * along[rows],
        across=missed[:, None] * across[rows],
        unmeasured=float(lengths.sum() - lengths[rows].sum()),
        linear=linear,
    )


def _bound(view: _View, shares: _Shares, deviations: float) -> float:
    """The cosine of the angle by which the exact map may be turned."""
    surprise = _UNSEEN * view.unmeasured / shares.draws
    with np.errstate(over="ignore", invalid="ignore"):
        kept = _winsorised(shares.spread * np.linalg.norm(view.across, axis=1), shares.draws)
        total, spread = kept * shares.total, kept * shares.spread
        noise = _longest(spread[:, None] * view.across)
        aside = np.linalg.norm(total @ view.across) + deviations * noise + surprise
        ahead = view.length + total @ view.along - surprise
        ahead -= deviations * np.linalg.norm(spread * view.along)
    if not (np.isfinite(aside) and np.isfinite(ahead) and ahead > 0):
        return -1.0
    if view.linear:
        return float(ahead / np.hypot(ahead, aside))
    return float(np.sqrt(1 - (aside / ahead) ** 2)) if aside < ahead else -1.0


def _winsorised(lengths: Numbers, draws: int) -> Numbers:
    """What each of `(m,)` is multiplied with, so that the largest are not far from the others."""
    kept = np.ones(len(lengths))
    outlying = int(_OUTLYING * draws)
    if np.count_nonzero(lengths) > outlying:  # else hardly anything was left to chance
        most = _BEYOND * np.sort(lengths)[-1 - outlying]
        kept[lengths > most] = most / lengths[lengths > most]
    return kept


def _longest(rows: NDArray[np.float64]) -> float:
    """The largest standard deviation along any direction, of independent terms `(m, d)`."""
    return float(np.linalg.norm(rows, 2)) if np.isfinite(rows).all() else float("inf")
