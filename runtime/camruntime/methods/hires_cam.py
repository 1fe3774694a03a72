"""HiRes-CAM (Draelos and Carin, 2020): every cell weighted by its own gradient.

Paper: "Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural
networks", arXiv 2011.08891.
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


@register("hires-cam")
@dataclass(frozen=True, kw_only=True)
class HiResCAM:
    """HiRes-CAM: `ReLU(sum_k g_k * A_k)`, cell by cell, `g` being `d y_c / d A`."""

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    unit: ClassVar[str] = "logit"

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0."""
        gradients = gradients_by_target(graphs, forward, targets)
        return Maps(np.maximum((gradients * forward.activations[0]).sum(1), 0))
