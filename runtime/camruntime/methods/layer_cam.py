"""Layer-CAM (Jiang et al., 2021): every cell weighted by its own positive gradient.

Paper: "LayerCAM: Exploring hierarchical class activation maps for localization", IEEE TIP 30.
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


@register("layer-cam")
@dataclass(frozen=True, kw_only=True)
class LayerCAM:
    """Layer-CAM: `ReLU(sum_k ReLU(g_k) * A_k)`, cell by cell, `g` being `d y_c / d A`."""

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    unit: ClassVar[str] = "logit"

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0."""
        gradients = np.maximum(gradients_by_target(graphs, forward, targets), 0)
        return Maps(np.maximum((gradients * forward.activations[0]).sum(1), 0))
