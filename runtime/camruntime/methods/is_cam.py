"""IS-CAM (Naidu et al., 2020): Score-CAM's weights, integrated while a mask fades in.

Paper: "IS-CAM: Integrated Score-CAM for axiomatic-based explanations", arXiv 2010.03023.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from camruntime._checks import within
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, Upsampling, bilinear, rescale
from camruntime.methods._channel_masks import channel_masks
from camruntime.methods._registry import RELATIVE, register
from camruntime.methods._weighted_sum import softmax_weighted_sum, weighted_sum


@register("is-cam")
@dataclass(frozen=True, kw_only=True)
class ISCAM:
    """IS-CAM: `ReLU(sum_k w_k A_k)`, `w_k` the mean over i of `p_c(t_i x * s(U A_k))`.

    `A_k` is channel k of the target layer, `U` bilinear upsampling to the image, `s` rescaling to
    [0, 1], `x` the normalised image, `p_c` the target's probability, i = 1 to `steps`. Flat
    channels get no weight and take no pass, as in Score-CAM's `official` preset.

    Attributes:
        preset: whose IS-CAM.
            `paper`: `t_i = i / steps`, the sum that tends to the integral.
            `cumulative`: `t_i = i (i + 1) / (2 steps)`, as the authors' later code: the shares are
            added up once more, so that the last masks are brighter than 1.
            `torch-cam`: torch-cam. The same `t_i`; maps are rescaled before they are upsampled,
            1e-8 added to their range; `w` is a softmax over channels of the mean logits less the
            image's, which vanishes there. Flat channels count, and share one blank mask.
        steps: masks for each channel, each a forward pass.
    """

    preset: Literal["paper", "cumulative", "torch-cam"] = "paper"
    steps: int = 10

    needs: ClassVar[frozenset[str]] = frozenset({"mask_images"})

    @property
    def unit(self) -> str:
        """A softmax over channels sums to 1 on every picture, however weak the class is."""
        return RELATIVE if self.preset == "torch-cam" else "activation"

    def __post_init__(self) -> None:
        within("is-cam", MethodError, ("steps", self.steps, 1, 1000))

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0; `steps` passes for each channel."""
        maps = forward.activations[0]  # (C, h, w)
        size = forward.image.shape[2], forward.image.shape[3]
        upsampling = bilinear((maps.shape[1], maps.shape[2]), size)
        if self.preset == "torch-cam":
            shown, rows = channel_masks(rescale(maps, epsilon=1e-8))
            scores = self._mean_scores(graphs, forward, targets, shown, upsampling)
            return Maps(softmax_weighted_sum(scores[:, rows], maps))
        masks = rescale(maps, *upsampling.extremes(maps))
        shown = masks.maps[masks.evidence]
        weights = self._mean_scores(graphs, forward, targets, shown, upsampling)
        return Maps(np.maximum(weighted_sum(weights, maps[masks.evidence]), 0))

    def _mean_scores(
        self,
        graphs: Graphs,
        forward: Forward,
        targets: Sequence[int],
        masks: FloatArray,
        upsampling: Upsampling,
    ) -> FloatArray:
        """Mean over the steps, `(targets, masks)`; one step's masks at a time."""
        total = np.zeros((len(targets), len(masks)))
        for share in self._shares() if len(masks) else ():
            logits = graphs.logits_of_masked_images(forward.image, share * masks, upsampling)
            if self.preset == "torch-cam":
                total += forward.scores(logits)[:, list(targets)].T
            else:
                total += forward.probabilities_of(targets, logits).T
        return (total / self.steps).astype(np.float32)

    def _shares(self) -> FloatArray:
        """`t_i` `(steps,)`."""
        shares = np.arange(1, self.steps + 1) / self.steps
        if self.preset != "paper":
            shares = shares.cumsum()
        return shares.astype(np.float32)
