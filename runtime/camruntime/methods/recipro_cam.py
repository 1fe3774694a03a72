"""Recipro-CAM (Byun and Lee, 2022): what does the tail say when it sees one cell only?

For every cell `(i, j)` of the target layer, all activations but that cell's are zeroed and the tail
is run; the target's score fills cell `(i, j)` of the map. One batch of `h * w` tails, no gradient.
Paper: "Recipro-CAM: Fast gradient-free visual explanations for convolutional neural networks",
arXiv 2209.14074.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps
from camruntime.methods._registry import register

_KERNEL = np.outer([1, 2, 1], [1, 2, 1]) / 16


@register("recipro-cam")
@dataclass(frozen=True, kw_only=True)
class ReciproCAM:
    """Recipro-CAM: `map[i, j] = score(tail(A * mask_ij))`.

    The raw map is in probabilities, or in logits with `score="logit"`; it has no ReLU. For a tail
    of global average pooling and a linear layer, logits and one cell, it equals CAM / (h w) plus
    the bias. Published code shares image 0's class with a whole batch and divides by zero on flat
    maps; this does neither. Tokens beside the grid, such as a class token, are kept in every copy.

    Attributes:
        score: `probability` (the authors' choice) or `logit` (OpenVINO XAI's). Logits keep their
            contrast where probabilities saturate.
        mask: `cell` keeps one cell (what the authors' code runs); `gaussian` keeps its 3 x 3
            neighbourhood weighted by [[1, 2, 1], [2, 4, 2], [1, 2, 1]] / 16, smoother and less
            sharp.
    """

    score: Literal["probability", "logit"] = "probability"
    mask: Literal["cell", "gaussian"] = "cell"

    needs: ClassVar[frozenset[str]] = frozenset({"mask_activations"})
    multiplies: ClassVar[bool] = False

    @property
    def unit(self) -> str:
        """That of the score."""
        return self.score

    @property
    def prefers(self) -> frozenset[str]:
        """Single cells with the pass: later, the weights would be read once more."""
        return frozenset({"cells"} if self.mask == "cell" else ())

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`; at most one tail pass per cell, shared by all targets."""
        grid = forward.activations.shape[-2:]
        if self.mask == "cell":
            logits = graphs.logits_of_single_cells(forward)  # (h*w, classes)
        else:
            logits = graphs.logits_of_masked_activations(forward.layer, gaussian_masks(grid))
        if self.score == "probability":
            scores = forward.probabilities_of(targets, logits)
        else:
            scores = forward.scores(logits)[:, list(targets)]
        return Maps(np.ascontiguousarray(scores.T.reshape(-1, *grid)))  # (targets, h, w)


def gaussian_masks(grid: tuple[int, ...]) -> FloatArray:
    """`(h*w, h, w)`: mask `i * w + j` is the 3 x 3 kernel around `(i, j)`, cut at the border."""
    height, width = grid
    padded = np.zeros((height, width, height + 2, width + 2), np.float32)
    for i, j in np.ndindex(height, width):
        padded[i, j, i : i + 3, j : j + 3] = _KERNEL
    return np.ascontiguousarray(padded[..., 1:-1, 1:-1].reshape(-1, height, width))
