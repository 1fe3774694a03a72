"""Gradients that are there on paper alone: outputs at the end of a sigmoid, a softmax or a clip."""

from __future__ import annotations

from torch import Tensor

_VANISHED = 1e-6
"""Of the gradient's norm times the activations' over the logits', which is about one in networks
that learned: below it, the logits do not change in float32 whatever the activations do."""


def vanishes(gradient: Tensor, activations: Tensor, logits: Tensor) -> bool:
    """Whether the logits of most images hardly depend on the activations; all `(n, ...)`."""
    norms = [one.double().flatten(1).norm(dim=1) for one in (gradient, activations, logits)]
    slope = norms[0] * norms[1] / norms[2].clamp(min=1e-30)
    return float(slope.median()) < _VANISHED
