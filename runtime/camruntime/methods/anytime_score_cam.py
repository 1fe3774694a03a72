"""Score-CAM that stops early and says how near it is: most channels' scores can be guessed.

Channels are shown to the network in the order of what they can still contribute to the map; the
scores of the others are guessed from theirs by a Gaussian process over the masks (`_surrogate`).
The method is ours, built on the paper's Score-CAM (see `score_cam`).
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import is_between, whole
from camruntime._text import shown
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import Maps, bilinear, rescale
from camruntime.methods._certificate import FEWEST, MOST, certified
from camruntime.methods._channel_masks import channel_masks
from camruntime.methods._known_channels import ROUND, Known, summed
from camruntime.methods._registry import RELATIVE, register
from camruntime.methods._sample import Sample
from camruntime.methods._surrogate import Surrogate
from camruntime.methods._weighted_sum import softmax_weighted_sum

Measure = Callable[[NDArray[np.int64]], None]

_LEADERS = 0.6
"""Of the passes, what goes to the channels that promise most; a sample takes what is left."""


@register("anytime-score-cam")
@dataclass(frozen=True, kw_only=True)
class AnytimeScoreCAM:
    """`ReLU(sum_k w_k A_k)`, `w = softmax_k(z_k)`; `z_k` is measured or guessed.

    `z_k = y_c(x * s(U A_k))` as in Score-CAM, preset `paper`; with all channels measured, the map
    is that one. A channel that was not measured counts with its expected score, and comes the
    earlier the larger `|A_k| (exp(z_k + d_k) - exp(z_k))` is, `d_k` being the standard deviation of
    the guess.

    It stops at whichever of the limits comes first. Several targets share the measured
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

    The certificate, `approximation.correlation_certified`, is a lower bound that aims at 95 percent
    confidence on average over pictures and draws of a random sample, not for every single map, and
    does not assume a smooth network. It takes what the drawn channels' guesses miss for normal in
    sum, and allows for a surprise that no draw showed only as far as a logit that is off by 1.1
    (`_certificate`). Two fifths of the passes go to the sample, and 16 channels at least; it
    teaches the guesses, too. Where it does not suffice when it is whole, the next one is larger,
    and both share the 5 percent. -1 means that nothing can be certified within the passes, as with
    less than 24, or where half of the guesses miss drawn scores by more than 1.2 logits; more than
    0.995 never is, unless all channels were measured. Of 2,850 maps of three networks 97 percent
    hold or more at every limit. Of single maps over 30 draws, 3 of 100 of a small network's hold in
    fewer than 90 percent, and the worst known in 20: there the guesses put many channels far too
    low, so that hardly any is drawn. Of simulated scores that no mask foretells, 94 percent hold at
    a deviation of 1 and 87 at 1.5 (`benchmarks/README.md`).

    Attributes:
        share: of the forward passes that all channels take, in (0, 1]; a round of 8 is the least.
        tolerance: stop when the correlation with the exact map is at least 1 - tolerance by the
            bound; 0 never.
        milliseconds: stop when the next round would begin later than this after the first.
        certificate: stop when the correlation of every target's map is certified to be at least
            this, at most 0.995; 0 draws no sample. It takes the place of the two options before.
        seed: of the sample, `numpy.random.default_rng(seed)`.
    """

    share: float = 0.1
    tolerance: float = 0.0
    milliseconds: float = float("inf")
    certificate: float = 0.0
    seed: int = 0

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
        if not is_between(self.certificate, 0, MOST):
            came = shown(self.certificate)
            raise MethodError(f"{name}: certificate lies in [0, {MOST}], got {came}")
        if self.certificate and (self.tolerance or self.milliseconds < float("inf")):
            raise MethodError(
                f"{name}: a certificate decides when to stop, and so would tolerance and "
                "milliseconds; leave them out, and limit it by share"
            )
        whole(f"{name}: seed", self.seed, 0, 2**63 - 1, MethodError)

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0, with how near each is to the exact one."""
        start = time.perf_counter()
        maps, size = forward.activations[0], forward.image.shape[2:]
        upsampling = bilinear((maps.shape[1], maps.shape[2]), (size[0], size[1]))
        shown, rows = channel_masks(rescale(maps, *upsampling.extremes(maps)))
        seen = np.linalg.norm(maps.astype(np.float64), axis=0)
        known = Known(Surrogate(shown, seen, len(targets)), summed(maps, rows, len(shown)))
        limit = min(max(ROUND, round(self.share * len(shown))), len(shown))

        def measure(chosen: NDArray[np.int64]) -> None:
            logits = graphs.logits_of_masked_images(forward.image, shown[chosen], upsampling)
            known.surrogate.measure(chosen, forward.scores(logits)[:, list(targets)])

        if self.certificate:
            bounds: tuple[float | None, ...] = self._certify(known, limit, measure)
        else:
            bounds = (None,) * len(targets)
            self._go_on(known, limit, measure, start)
        scores = known.surrogate.predict()[0][rows]
        near = zip(known.nearness(), bounds, strict=True)
        return Maps(
            softmax_weighted_sum(scores.T.astype(np.float32), maps),
            approximations=tuple(replace(one, correlation_certified=it) for one, it in near),
        )

    def _go_on(self, known: Known, limit: int, measure: Measure, start: float) -> None:
        """Until one of the three limits: `start` is when the clock began, in seconds."""
        late = False
        while known.spent < limit and not late and not (known.spent and self._is_sure(known)):
            measure(known.next()[: limit - known.spent])
            late = 1000 * (time.perf_counter() - start) >= self.milliseconds

    def _is_sure(self, known: Known) -> bool:
        least = 1 - self.tolerance
        return self.tolerance > 0 and all(
            one.correlation_bound >= least for one in known.nearness()
        )

    def _certify(self, known: Known, limit: int, measure: Measure) -> tuple[float, ...]:
        """Leaders until a sample may tell something; then samples, each judged when it is whole."""
        sample = Sample(self.seed)
        leaders = max(ROUND, min(int(_LEADERS * limit), limit - FEWEST))
        while known.spent < leaders and not (known.spent and known.is_near(self.certificate)):
            measure(known.next()[: leaders - known.spent])
        for look in itertools.count():
            room = limit - known.spent
            size = max(FEWEST, round(known.spent * (1 / _LEADERS - 1)))
            if room >= size:  # else what was drawn before counts, too
                sample.rounds.clear()
            end = limit if room < size + FEWEST else known.spent + size
            while known.spent < end:
                left = end - known.spent
                count = left if left < ROUND + FEWEST // 3 else ROUND
                measure(sample.draw(known.parts, known.surrogate, count))
            bounds = certified(known.parts, known.surrogate, sample.rounds, look)
            if known.spent == limit or min(bounds) >= self.certificate:
                return bounds
        raise AssertionError("unreachable")
