"""Group-CAM (Zhang et al., 2021): groups of channels, and what each brings back of the class.

Paper: "Group-CAM: Group score-weighted visual explanations for deep convolutional networks",
arXiv 2103.13859.
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
from camruntime.maps import FloatArray, Maps, bilinear, rescale
from camruntime.methods._gradients import gradients_by_target
from camruntime.methods._registry import register
from camruntime.methods._weighted_sum import weighted_sum
from camruntime.pictures import gaussian_blur_within

_SIDE, _SIGMA = 51, 50.0  # of the blur, in pixels
_PERCENTILE = 70


@register("group-cam")
@dataclass(frozen=True, kw_only=True)
class GroupCAM:
    """Group-CAM: `sum_l c_l M_l`, `c_l = ReLU(p_c(x s(M_l) + B(x) (1 - s(M_l))) - p_c(B(x)))`.

    `M_l = U(ReLU(sum_k GAP(g_k) A_k))` over the channels k of group l: `A_k` is channel k of the
    target layer, `g` is `d y_c / d A`, `GAP` the mean over the grid, `U` bilinear upsampling to the
    image; `s` is rescaling to [0, 1], `x` the normalised image, `p_c` the target's probability, and
    `B` a Gaussian blur of 51 x 51 pixels with sigma 50, mirrored at the border pixels. Groups whose
    map is flat bring nothing back and take no pass.

    Attributes:
        preset: whose Group-CAM.
            `paper`: as above.
            `official`: the authors' code. A group's map is 0 up to its 70th percentile over the
            grid; `ReLU(sum_l c_l s(M_l))`, `c_l` without a ReLU of its own.
        groups: of neighbouring channels, each of the same number but the last; fewer where the
            channels do not reach.
    """

    preset: Literal["paper", "official"] = "paper"
    groups: int = 32

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})

    @property
    def unit(self) -> str:
        """Of the groups' maps, weighted with probabilities; rescaled maps have none."""
        return "logit" if self.preset == "paper" else "probability"

    def __post_init__(self) -> None:
        within("group-cam", MethodError, ("groups", self.groups, 1, 100_000))

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, H, W)` at the image's size, all >= 0.

        At most `groups + 1` passes for each target, and one batched gradient.
        """
        blurred = gaussian_blur_within(forward.image, _SIDE, _SIGMA)
        gradients = gradients_by_target(graphs, forward, targets)
        return Maps(
            np.stack(
                [
                    self._map(graphs, forward, blurred, self._grouped(gradient, forward), target)
                    for gradient, target in zip(gradients, targets, strict=True)
                ]
            )
        )

    def _grouped(self, gradient: FloatArray, forward: Forward) -> FloatArray:
        """The groups' maps `(groups, h, w)`, all >= 0."""
        weighted = gradient.mean((1, 2), keepdims=True) * forward.activations[0]
        each = -(-len(weighted) // self.groups)
        starts = np.arange(0, len(weighted), each)
        grouped = np.maximum(np.add.reduceat(weighted, starts, axis=0), 0)
        if self.preset == "official":
            least = np.percentile(grouped, _PERCENTILE, axis=(1, 2), keepdims=True)
            grouped = np.where(grouped > least, grouped, 0)
        return np.asarray(grouped, np.float32)

    def _map(
        self,
        graphs: Graphs,
        forward: Forward,
        blurred: FloatArray,
        grouped: FloatArray,
        target: int,
    ) -> FloatArray:
        size = forward.image.shape[2], forward.image.shape[3]
        upsampling = bilinear((grouped.shape[1], grouped.shape[2]), size)
        masks = rescale(grouped, *upsampling.extremes(grouped))
        live = masks.maps[masks.evidence]
        shown = np.concatenate([live, np.zeros((1, *grouped.shape[1:]), np.float32)])
        sharp = forward.image - blurred

        def make(rows: NDArray[np.int64]) -> FloatArray:
            made = upsampling(shown[rows])[:, None] * sharp
            made += blurred  # x s(M) + B(x) (1 - s(M))
            return made

        logits = graphs.logits_of_made_images(len(shown), make)
        probabilities = forward.probabilities_of([target], logits)[:, 0]
        gains = (probabilities[:-1] - probabilities[-1])[None]
        if self.preset == "paper":
            summed = weighted_sum(np.maximum(gains, 0), grouped[masks.evidence])
        else:
            summed = weighted_sum(gains, live)
        return np.maximum(upsampling(summed[0]), 0)
