"""What a saliency method may ask of a network.

A protocol and not a base class: the engine implements it with ONNX Runtime, the parity tests with
PyTorch modules, and the same method code runs on both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from camruntime.interpolation import Upsampling
from camruntime.rescale import FloatArray


@dataclass(frozen=True)
class Forward:
    """What one plain forward pass showed.

    Attributes:
        image: float32 `(1, 3, H, W)`, normalised.
        activations: float32 `(1, C, h, w)` of the target layer.
        logits: float32 `(classes,)`.
    """

    image: FloatArray
    activations: FloatArray
    logits: FloatArray


class Graphs(Protocol):
    """A network split at its target layer, and the perturbations of its two halves."""

    def forward(self, image: FloatArray) -> Forward:
        """One plain pass over `image` `(1, 3, H, W)`."""
        ...

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """Logits `(n, classes)` of `image * U(mask)` for each of `masks` `(n, h, w)`.

        A mask of 0 leaves the normalised image's zero, which is the mean colour.
        """
        ...

    def logits_of_masked_activations(
        self, activations: FloatArray, masks: FloatArray
    ) -> FloatArray:
        """Logits `(n, classes)` of `activations * mask` for each of `masks` `(n, h, w)`."""
        ...


def softmax(logits: FloatArray) -> FloatArray:
    """Probabilities over the last axis, float32; computed in float64 and safe from overflow."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(-1, keepdims=True), np.float32)
