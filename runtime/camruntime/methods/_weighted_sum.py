"""Activation maps added up, each with its weight."""

from __future__ import annotations

import numpy as np

from camruntime.graphs import softmax
from camruntime.maps import FloatArray


def weighted_sum(weights: FloatArray, maps: FloatArray) -> FloatArray:
    """`(targets, C)` and `(C, h, w)` -> `(targets, h, w)`.

    One target at a time: a single matrix product rounds differently with the number of targets.
    """
    return np.stack([np.tensordot(row, maps, axes=1) for row in weights]).astype(np.float32)


def softmax_weighted_sum(scores: FloatArray, maps: FloatArray) -> FloatArray:
    """`ReLU(sum_k w_k A_k)`, `w = softmax_k(z)`, of z `(targets, C)` and maps `(C, h, w)`."""
    rows = np.ascontiguousarray(scores)  # sums by rows, whatever their number
    return np.maximum(weighted_sum(softmax(rows), maps), 0)
