"""Gradients, as the methods of the Grad-CAM family ask for them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from camruntime.graphs import Forward, Graphs, LayerOutput
from camruntime.maps import FloatArray


def gradients_by_target(graphs: Graphs, forward: Forward, targets: Sequence[int]) -> FloatArray:
    """`d logit / d activations` `(targets, C, h, w)` of one image, in one batched call."""
    return graphs.gradients(forward.layer, targets)


def gradients_by_image(graphs: Graphs, layer: LayerOutput, targets: Sequence[int]) -> FloatArray:
    """`(targets, n, C, h, w)` for activations of n images, in one call."""
    count = len(layer.activations)
    rows = layer.rows(np.tile(np.arange(count), len(targets)))
    found = graphs.gradients(rows, np.repeat(targets, count).tolist())
    return found.reshape(len(targets), *layer.activations.shape)
