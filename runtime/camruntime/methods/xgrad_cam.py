"""XGrad-CAM (Fu et al., 2020): gradients averaged with the activations as weights.

Paper: "Axiom-based Grad-CAM: Towards accurate visualization and explanation of CNNs",
arXiv 2008.02312.
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

_EPSILON = np.float32(1e-7)


@register("xgrad-cam")
@dataclass(frozen=True, kw_only=True)
class XGradCAM:
    """XGrad-CAM: `ReLU(sum_k w_k A_k)`, `w_k = sum_ij g_k A_k / (sum_ij A_k + 1e-7)`.

    `g` is `d y_c / d A`. The constant is that of published code; with it
    dead channels weigh nothing.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    unit: ClassVar[str] = "logit"

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0."""
        maps = forward.activations[0]
        gradients = gradients_by_target(graphs, forward, targets)
        weights = (gradients * maps).sum((2, 3)) / (maps.sum((1, 2)) + _EPSILON)
        return Maps(np.maximum(weighted_sum(weights, maps), 0))
