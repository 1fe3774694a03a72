"""CAM (Zhou et al., 2016): the class's own weights on the last activation maps.

Paper: "Learning deep features for discriminative localization", arXiv 1512.04150.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs, LayerOutput
from camruntime.maps import Maps
from camruntime.methods._gradients import gradients_by_target
from camruntime.methods._registry import register
from camruntime.methods._weighted_sum import weighted_sum

_SAME = 1e-4  # of the largest gradient


@register("cam")
@dataclass(frozen=True, kw_only=True)
class CAM:
    """CAM: `sum_k w_k A_k`, with the weights `w` of the target in the final linear layer.

    Defined only where the tail is global average pooling and one linear layer. There the gradient
    is `w_k / (h w)` at every cell, whatever the activations: so the weights are read, and so the
    tail is checked. No ReLU: cells that speak against the class are negative.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    unit: ClassVar[str] = "logit"

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`; raises `MethodError` for another kind of tail."""
        gradients = gradients_by_target(graphs, forward, targets)
        turned = -np.ascontiguousarray(forward.activations[..., ::-1, ::-1])
        elsewhere = graphs.gradients(LayerOutput(turned, forward.tokens), targets)
        constant = gradients.mean((2, 3), keepdims=True)
        reach = _SAME * np.abs(gradients).max()
        for other in (gradients, elsewhere):
            if np.abs(other - constant).max() > reach:
                raise MethodError(
                    "cam is defined only where global average pooling and one linear layer follow "
                    "the target layer; here the gradient depends on the cell or the activations: "
                    "use grad-cam, or build with --layer on the last layer before the pooling"
                )
        cells = gradients.shape[2] * gradients.shape[3]
        return Maps(weighted_sum(constant[..., 0, 0] * cells, forward.activations[0]))
