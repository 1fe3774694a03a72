"""Score-CAM that stops early and says how near it is: most channels' scores can be guessed.

Channels are shown to the network in the order of what they can still contribute to the map; the
scores of the others are guessed from theirs by a Gaussian process over the masks (`_surrogate`).
The method is ours, built on the paper's Score-CAM (see `score_cam`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import is_between
from camruntime._text import shown
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs, softmax
from camruntime.maps import Approximation, FloatArray, Maps, bilinear, rescale
from camruntime.methods._channel_masks import channel_masks
from camruntime.methods._gradients import weighted_sum
from camruntime.methods._registry import RELATIVE, register
from camruntime.methods._surrogate import Numbers, Surrogate

_ROUND = 8  # channels shown before it is thought over which come next
_SURE = 4.0  # deviations that a guess is off at most, were they known; see the bound below


@register("anytime-score-cam")
@dataclass(frozen=True, kw_only=True)
class AnytimeScoreCAM:
    """`ReLU(sum_k w_k A_k)`, `w = softmax_k(z_k)`; `z_k` is measured or guessed.

    `z_k = y_c(x * s(U A_k))` as in Score-CAM, preset `paper`; with all channels measured, the map
    is that one. A channel that was not measured counts with its expected score, and comes the
    earlier the larger `|A_k| (exp(z_k + d_k) - exp(z_k))` is, `d_k` being the standard deviation of
    the guess.

    It stops at whichever of the three limits comes first. Several targets share the measured
    channels, so a map depends a little on which other targets were asked for with it.

    The bound, in `Explanation.approximation.correlation_bound`, lets every channel that was not
    measured be off by four deviations, all in the direction that hurts most. A deviation's scale
    is what leaving out each measured score and guessing it misses; of few scores it is itself
    uncertain, so the four become more, as Student's t has it. The bound holds as long as the
    network's logit is about as smooth in the mask where it was not measured as where it was.
    Without such an assumption there is no bound: a single channel's logit may be of any size.

    The estimate, `approximation.correlation_estimate`, is the same with one deviation, and promises
    nothing: at 5 percent of the passes it was above the truth for 28 of 368 photographs, and the
    bound for one (`benchmarks/README.md`; `benchmarks/anytime.py` measures both).

    Attributes:
        share: of the forward passes that all channels take, in (0, 1]; a round of 8 is the least.
        tolerance: stop when the correlation with the exact map is at least 1 - tolerance by the
            bound; 0 never.
        milliseconds: stop when the next round would begin later than this after the first.
    """

    share: float = 0.1
    tolerance: float = 0.0
    milliseconds: float = float("inf")

    needs: ClassVar[frozenset[str]] = frozenset({"mask_images"})
    unit: ClassVar[str] = RELATIVE

    def __post_init__(self) -> None:
        name = "anytime-score-cam"
        if not is_between(self.share, 0, 1) or self.share == 0:
            raise MethodError(f"{name}: share lies in (0, 1], got {shown(self.share)}")
        if not is_between(self.tolerance, 0, 1) or self.tolerance == 1:
            raise MethodError(f"{name}: tolerance lies in [0, 1), got {shown(self.tolerance)}")
        if not is_between(self.milliseconds, 0, float("inf")):
            came = shown(self.milliseconds)
            raise MethodError(f"{name}: milliseconds are at least 0, got {came}")

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0, with how near each is to the exact one."""
        start = time.perf_counter()
        maps, size = forward.activations[0], forward.image.shape[2:]
        upsampling = bilinear((maps.shape[1], maps.shape[2]), (size[0], size[1]))
        shown, rows = channel_masks(rescale(maps, *upsampling.extremes(maps)))
        seen = np.linalg.norm(maps.astype(np.float64), axis=0)
        known = _Known(Surrogate(shown, seen, len(targets)), _summed(maps, rows, len(shown)))
        limit = max(_ROUND, round(self.share * len(shown)))
        while True:
            chosen = known.next()[: limit - len(known.surrogate.measured)]
            logits = graphs.logits_of_masked_images(forward.image, shown[chosen], upsampling)
            known.surrogate.measure(chosen, forward.scores(logits)[:, list(targets)])
            spent = len(known.surrogate.measured)
            late = 1000 * (time.perf_counter() - start) >= self.milliseconds
            if spent == min(limit, len(shown)) or late or self._is_sure(known):
                break
        scores = known.surrogate.predict()[0][rows]
        weights = softmax(scores.T.astype(np.float32))
        raw = np.maximum(weighted_sum(weights, maps), 0)
        return Maps(raw, approximations=known.nearness())

    def _is_sure(self, known: _Known) -> bool:
        least = 1 - self.tolerance
        return self.tolerance > 0 and all(
            one.correlation_bound >= least for one in known.nearness()
        )


@dataclass(frozen=True)
class _Known:
    """What was measured, and what the channels that a mask stands for add to the map.

    Attributes:
        surrogate: of the masks' scores.
        parts: float64 `(n, h * w)`, the sum of the activation maps that share a mask.
    """

    surrogate: Surrogate
    parts: Numbers

    def next(self) -> NDArray[np.int64]:
        """A round of masks, those first that can still change the map most for any target."""
        norms = np.linalg.norm(self.parts, axis=1)
        promise = np.log(np.maximum(norms, np.finfo(np.float64).tiny))[:, None]
        if len(self.surrogate.measured):
            expected, deviation = self.surrogate.predict()
            # log(exp(z + d) - exp(z)), which overflows if written so
            promise = promise + expected + deviation + np.log(-np.expm1(-deviation) + 1e-12)
            promise = promise - promise.max(0)
            promise[self.surrogate.measured] = -np.inf
        order = np.argsort(-promise.max(1), kind="stable")
        return order[: min(_ROUND, len(order) - len(self.surrogate.measured))]

    def nearness(self) -> tuple[Approximation, ...]:
        """How near the map is to the exact one, for each target."""
        expected, deviation = self.surrogate.predict()
        spent, whole = len(self.surrogate.measured), len(self.parts)
        likely, sure = _student(1, spent - 2), _student(_SURE, spent - 2)
        return tuple(
            Approximation(
                evaluated=spent,
                channels=whole,
                correlation_estimate=max(0.0, _correlation(self.parts, mean, likely * sigma)),
                correlation_bound=_correlation(self.parts, mean, sure * sigma),
            )
            for mean, sigma in zip(expected.T, deviation.T, strict=True)
        )


def _summed(maps: FloatArray, rows: NDArray[np.int64], count: int) -> Numbers:
    flat = maps.reshape(len(maps), -1).astype(np.float64)
    parts = np.zeros((count, flat.shape[1]))
    np.add.at(parts, rows, flat)
    return parts


def _correlation(parts: Numbers, scores: Numbers, slack: Numbers) -> float:
    """What the map's correlation with the exact one is at least, if no score is off by more.

    The exact map differs by at most `gap`, cell by cell, before the ReLU and therefore behind it.
    The sine of the angle between two centred maps is at most their difference over the length of
    either, and centring makes a difference no longer.
    """
    if not slack.any():
        return 1.0
    top = scores.max()
    weights = np.exp(scores - top)
    with np.errstate(over="ignore"):
        gap = (weights * np.expm1(slack)) @ np.abs(parts)
        shown = np.maximum(weights @ parts, 0)
        off, length = np.linalg.norm(gap), np.linalg.norm(shown - shown.mean())
    return float(np.sqrt(1 - (off / length) ** 2)) if off < length else -1.0


def _student(deviations: float, freedom: int) -> float:
    """What Student's t exceeds as rarely as a normal value exceeds so many deviations.

    Within 3 percent of it for 6 degrees of freedom and more (Gaver and Kafadar, 1984).
    """
    freedom = max(freedom, 2)  # with fewer scores all are measured, and nothing is guessed
    exponent = deviations**2 * (freedom - 1.5) / (freedom - 1) ** 2
    return math.sqrt(freedom * math.expm1(exponent))
