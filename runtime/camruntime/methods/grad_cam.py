"""Grad-CAM (Selvaraju et al., 2017): activation maps weighted by their mean gradients.

Paper: "Grad-CAM: Visual explanations from deep networks via gradient-based localization",
arXiv 1610.02391.
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


@register("grad-cam")
@dataclass(frozen=True, kw_only=True)
class GradCAM:
    """Grad-CAM: `ReLU(sum_k w_k A_k)`, `w_k` the mean over the grid of `d y_c / d A_k`.

    `y_c` is the target's logit, `A_k` channel k of the target layer.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    unit: ClassVar[str] = "logit"

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0."""
        weights = gradients_by_target(graphs, forward, targets).mean((2, 3))
        return Maps(np.maximum(weighted_sum(weights, forward.activations[0]), 0))
