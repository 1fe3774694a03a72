"""What the runtime's tests share: the shipped bundle, and networks small enough for paper."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from camruntime.graphs import Forward
from camruntime.interpolation import Upsampling
from camruntime.rescale import FloatArray

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"


@dataclass
class NumpyGraphs:
    """A network in numpy. Head: 2x2 block means, then a 1x1 convolution. Tail: GAP, then linear.

    Attributes:
        mix: `(C, 3)` of the 1x1 convolution; a ReLU follows.
        weights: `(classes, C)` of the linear layer.
        bias: `(classes,)`.
        calls: number of images and masked copies that were computed.
    """

    mix: FloatArray
    weights: FloatArray
    bias: FloatArray
    calls: int = 0

    def head(self, images: FloatArray) -> FloatArray:
        n, _, height, width = images.shape
        blocks = images.reshape(n, 3, height // 2, 2, width // 2, 2).mean((3, 5))
        return np.maximum(np.einsum("kc,nchw->nkhw", self.mix, blocks), 0).astype(np.float32)

    def tail(self, activations: FloatArray) -> FloatArray:
        return (activations.mean((2, 3)) @ self.weights.T + self.bias).astype(np.float32)

    def forward(self, image: FloatArray) -> Forward:
        activations = self.head(image)
        return Forward(image, activations, self.tail(activations)[0])

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        self.calls += len(masks)
        return self.tail(self.head(image * upsampling(masks)[:, None]))

    def logits_of_masked_activations(
        self, activations: FloatArray, masks: FloatArray
    ) -> FloatArray:
        self.calls += len(masks)
        return self.tail(activations * masks[:, None])


@pytest.fixture
def inspector() -> Path:
    """The bundle that ships with the project."""
    return INSPECTOR


@pytest.fixture
def samples() -> list[Path]:
    """The pictures that ship with it, defects and good ones, without their masks."""
    return sorted((INSPECTOR / "samples").glob("*.png"))


@pytest.fixture
def numpy_graphs() -> NumpyGraphs:
    """Four channels, three classes, seeded."""
    rng = np.random.default_rng(5)
    return NumpyGraphs(
        mix=rng.normal(0, 1, (4, 3)).astype(np.float32),
        weights=rng.normal(0, 3, (3, 4)).astype(np.float32),
        bias=rng.normal(0, 1, 3).astype(np.float32),
    )


@pytest.fixture
def image() -> FloatArray:
    """A normalised image `(1, 3, 8, 12)`: not square, so that swapped axes show."""
    return np.random.default_rng(6).normal(0, 1, (1, 3, 8, 12)).astype(np.float32)
