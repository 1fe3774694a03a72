"""Score-CAM (Wang et al., 2020): how much of the class does each channel's picture still show?

Every activation map is upsampled, rescaled to [0, 1] and multiplied with the image; the target's
score on what is left weighs that map. One forward pass per live channel, no gradient.
Paper: "Score-CAM: Score-weighted visual explanations for convolutional neural networks",
arXiv 1910.01279.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, Rescaled, Upsampling, bilinear, rescale
from camruntime.methods._channel_masks import channel_masks
from camruntime.methods._registry import RELATIVE, register
from camruntime.methods._weighted_sum import softmax_weighted_sum, weighted_sum


@dataclass(frozen=True)
class _Preset:
    """Where published versions of Score-CAM part.

    Attributes:
        align_corners: of the bilinear upsampling.
        rescale_first: rescale a map by its own extremes, not by those of its upsampled version.
        epsilon: added to the range that a map is divided by.
        channel_softmax: weights are a softmax of logits over channels; else probabilities as such.
    """

    align_corners: bool = False
    rescale_first: bool = False
    epsilon: float = 0.0
    channel_softmax: bool = True


_PRESETS = {
    "paper": _Preset(),
    "official": _Preset(channel_softmax=False),
    "grad-cam": _Preset(align_corners=True, epsilon=1e-8),
    "torch-cam": _Preset(rescale_first=True, epsilon=1e-8),
}


@register("score-cam")
@dataclass(frozen=True, kw_only=True)
class ScoreCAM:
    """Score-CAM: `ReLU(sum_k w_k A_k)`, `w = softmax_k(y_c(x * s(U A_k)))`.

    `A_k` is channel k of the target layer, `U` bilinear upsampling to the image, `s` rescaling to
    [0, 1], `x` the normalised image, `y_c` the target's logit. The paper's baseline `y_c(x_b)` is
    the same for all channels and vanishes under the softmax.

    All flat channels share one forward pass, see `ChannelMasks`.

    Attributes:
        preset: whose Score-CAM.
            `paper`: equation 4 of the paper, as above.
            `official`: the authors' code. `w_k` is the probability `p_c`, without a softmax over
            channels, and flat channels get none; the sum is taken over upsampled maps, so the raw
            map has the image's size.
            `grad-cam`: pytorch-grad-cam. `align_corners=True`, 1e-8 added to each map's range.
            `torch-cam`: torch-cam. Maps are rescaled before they are upsampled, 1e-8 likewise.
    """

    preset: Literal["paper", "official", "grad-cam", "torch-cam"] = "paper"

    needs: ClassVar[frozenset[str]] = frozenset({"mask_images"})

    @property
    def unit(self) -> str:
        """A softmax over channels sums to 1 on every picture, however weak the class is."""
        return RELATIVE if _PRESETS[self.preset].channel_softmax else "activation"

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, for `official` `(targets, H, W)`, all >= 0."""
        preset = _PRESETS[self.preset]
        maps = forward.activations[0]  # (C, h, w)
        height, width = maps.shape[1:]
        size = forward.image.shape[2], forward.image.shape[3]
        upsampling = bilinear((height, width), size, preset.align_corners)
        masks = _masks(maps, upsampling, preset)
        shown, rows = channel_masks(masks)
        logits = graphs.logits_of_masked_images(forward.image, shown, upsampling)[rows]
        if preset.channel_softmax:
            return Maps(softmax_weighted_sum(forward.scores(logits)[:, list(targets)].T, maps))
        weights = forward.probabilities_of(targets, logits).T * masks.evidence
        return Maps(np.maximum(upsampling(weighted_sum(weights, maps)), 0))


def _masks(maps: FloatArray, upsampling: Upsampling, preset: _Preset) -> Rescaled:
    """Maps shifted and scaled so that upsampling them gives masks in [0, 1].

    Interpolation weights sum to 1, so rescaling commutes with upsampling: it is enough to know the
    extremes of the upsampled map and to rescale the small one.
    """
    if preset.rescale_first:
        return rescale(maps, epsilon=preset.epsilon)
    low, high = upsampling.extremes(maps)
    return rescale(maps, low, high, preset.epsilon)
