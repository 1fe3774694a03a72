"""SS-CAM (Naidu et al., 2020): Score-CAM's weights, each a mean over noisy copies of its mask.

Paper: "SS-CAM: Smoothed Score-CAM for sharper visual feature localization", arXiv 2006.14255.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import within
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, Upsampling, bilinear, rescale
from camruntime.methods._channel_masks import channel_masks
from camruntime.methods._registry import RELATIVE, register
from camruntime.methods._weighted_sum import softmax_weighted_sum, weighted_sum

_ROUND = 16  # channels whose masks are upsampled at once, and held


@register("ss-cam")
@dataclass(frozen=True, kw_only=True)
class SSCAM:
    """SS-CAM: `ReLU(sum_k w_k U A_k)`, `w_k` the mean of `p_c` over `samples` noisy images.

    `A_k` is channel k of the target layer, `U` bilinear upsampling to the image, `s` rescaling to
    [0, 1], `x` the normalised image, `p_c` the target's probability, `N` standard normal noise.
    Flat channels get no weight and take no pass.

    The noise is the same for all channels: what then differs between their weights is the channel,
    and not the draw.

    Attributes:
        preset: whose SS-CAM.
            `paper`: the noise's standard deviation is `sigma` over the range of what it is added
            to, and 0 where that is flat, as a blank image is.
            `official`: the authors' code, which squares that.
            `torch-cam`: torch-cam, variant 1 alone. Maps are rescaled before they are upsampled,
            1e-8 added to their range; the standard deviation is `sigma` itself; `w` is a softmax
            over channels of the mean logits less the image's, which vanishes there, and the sum is
            taken at the layer's size. Flat channels count, and share one mask of noise alone.
        variant: what is noisy.
            1: the mask, `x * (U A_k + N)`. Not rescaled: where activations are in the hundreds, as
            SqueezeNet's, the network sees an image a hundred times too bright; take 2 there.
            2: the masked image, `x * s(U A_k) + N`. Its published code is an experiment on several
            channels at once; this is what it has commented out.
        samples: noisy images for each channel, each a forward pass.
        sigma: of the noise, see `preset`.
        seed: of the noise, `numpy.random.default_rng(seed).standard_normal(shape, numpy.float32)`;
            the shape is `(samples, H, W)`, in variant 2 `(samples, channels, H, W)` of the image.
    """

    preset: Literal["paper", "official", "torch-cam"] = "paper"
    variant: Literal[1, 2] = 1
    samples: int = 35
    sigma: float = 2.0
    seed: int = 0

    needs: ClassVar[frozenset[str]] = frozenset()

    @property
    def unit(self) -> str:
        """A softmax over channels sums to 1 on every picture, however weak the class is."""
        return RELATIVE if self.preset == "torch-cam" else "activation"

    def __post_init__(self) -> None:
        within(
            "ss-cam",
            MethodError,
            ("samples", self.samples, 1, 1000),
            ("sigma", self.sigma, 0, 100),
            ("seed", self.seed, 0, 2**63 - 1),
        )
        preset: object = self.preset  # anything, until `make_method` looks at it
        variant: object = self.variant
        second = isinstance(variant, int) and variant == 2
        if second and isinstance(preset, str) and preset == "torch-cam":
            raise MethodError("ss-cam: torch-cam has no variant 2: take preset=paper or variant=1")

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps, all >= 0; `samples` passes for each channel.

        At the image's size `(targets, H, W)`; by `torch-cam` at the layer's `(targets, h, w)`.
        """
        maps = forward.activations[0]  # (C, h, w)
        size = forward.image.shape[2], forward.image.shape[3]
        upsampling = bilinear((maps.shape[1], maps.shape[2]), size)
        if self.preset == "torch-cam":
            shown, rows = channel_masks(rescale(maps, epsilon=1e-8))
            scores = self._mean_scores(graphs, forward, targets, shown, upsampling)
            return Maps(softmax_weighted_sum(scores[:, rows], maps))
        masks = rescale(maps, *upsampling.extremes(maps))
        live = maps[masks.evidence]
        shown = live if self.variant == 1 else masks.maps[masks.evidence]
        weights = self._mean_scores(graphs, forward, targets, shown, upsampling)
        return Maps(np.maximum(upsampling(weighted_sum(weights, live)), 0))

    def _mean_scores(
        self,
        graphs: Graphs,
        forward: Forward,
        targets: Sequence[int],
        masks: FloatArray,
        upsampling: Upsampling,
    ) -> FloatArray:
        """Mean over the samples, `(targets, masks)`; a few channels' masks at a time."""
        noise = self._noise(forward.image)
        found = np.zeros((len(targets), len(masks)), np.float32)
        for start in range(0, len(masks), _ROUND):
            some = upsampling(masks[start : start + _ROUND])[:, None]  # (n, 1, H, W)
            logits = self._logits(graphs, forward.image, some, noise)
            if self.preset == "torch-cam":
                scores = forward.scores(logits)[:, list(targets)]
            else:
                scores = forward.probabilities_of(targets, logits)
            means = scores.reshape(len(some), self.samples, len(targets)).mean(1, np.float64)
            found[:, start : start + _ROUND] = means.T
        return found

    def _logits(
        self, graphs: Graphs, image: FloatArray, masks: FloatArray, noise: FloatArray
    ) -> FloatArray:
        """Of all samples of the first mask, then of the next, `(masks * samples, classes)`."""
        clean = masks if self.variant == 1 else image * masks
        deviations = self._deviations(np.ptp(clean, axis=(1, 2, 3), keepdims=True))

        def make(rows: NDArray[np.int64]) -> FloatArray:
            channel, sample = np.divmod(rows, self.samples)
            made = noise[sample]
            made *= deviations[channel]
            made += clean[channel]
            return made if self.variant == 2 else image * made

        return graphs.logits_of_made_images(len(masks) * self.samples, make)

    def _noise(self, image: FloatArray) -> FloatArray:
        """`(samples, 1, H, W)`, or by channel of the image."""
        channels = 1 if self.variant == 1 else image.shape[1]
        return np.random.default_rng(self.seed).standard_normal(
            (self.samples, channels, *image.shape[2:]), np.float32
        )

    def _deviations(self, ranges: FloatArray) -> FloatArray:
        """Of the noise, for what has these ranges."""
        if self.preset == "torch-cam":
            return np.full_like(ranges, self.sigma)
        deviations = self.sigma / np.where(ranges > 0, ranges, np.inf)
        return np.asarray(deviations**2 if self.preset == "official" else deviations, np.float32)
