"""WGrad-CAM (Zhang et al., 2021): channels weighted by the mean of gradient times activation.

Paper: "A novel visual interpretability for deep neural networks by optimizing activation maps with
perturbation", AAAI 35. Its source could not be read: the formula is our reading.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from camruntime.graphs import Forward, Graphs
from camruntime.maps import Maps
from camruntime.methods._gradients import gradients_by_target
from camruntime.methods._registry import register
from camruntime.methods._weighted_sum import weighted_sum


@register("wgrad-cam")
@dataclass(frozen=True, kw_only=True)
class WGradCAM:
    """WGrad-CAM: `ReLU(sum_k w_k A_k)`, `w_k` the mean over the grid of `g_k * A_k`.

    `g` is `d y_c / d A`. The comparison in Decom-CAM's published code also rescales the weights to
    [0, 1] over the channels, which makes channels that speak against the class count for it.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    unit: ClassVar[str] = "logit x activation"

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0."""
        maps = forward.activations[0]
        weights = (gradients_by_target(graphs, forward, targets) * maps).mean((2, 3))
        return Maps(np.maximum(weighted_sum(weights, maps), 0))
