"""One network twice, in PyTorch and on ONNX Runtime, and how close they have to be."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import camruntime
from camruntime.maps import FloatArray
from camruntime.pictures import Picture, prepare

TOLERANCE = {"float32": 1e-4}
"""Largest difference of raw maps, relative to the map's range."""


@dataclass(frozen=True)
class Pair:
    """One network twice: in PyTorch and as an explainer on ONNX Runtime."""

    network: nn.Module
    explainer: camruntime.Explainer

    @cached_property
    def exact(self) -> nn.Module:
        """The network in float64."""
        return copy.deepcopy(self.network).double()

    @property
    def layer(self) -> str:
        return self.explainer.bundle.manifest.layer.name

    def tensor(self, photo: Picture) -> Tensor:
        """The photograph as both see it."""
        return torch.from_numpy(prepare(photo, self.explainer.bundle.manifest.input))


class Pairs(Protocol):
    """Makes a pair from a model's name, input side and target layer (None: its own)."""

    def __call__(self, model: str, side: int | None, layer: str | None = None) -> Pair: ...


SMALL_VGG = ("networks:small_vgg", 64)
SMALL = [("inspector", None), ("resnet18", 96), SMALL_VGG]
FULL = [("resnet18", None), ("vgg16", None)]
MODELS = [
    *(pytest.param(*model, id=model[0].removeprefix("networks:")) for model in SMALL),
    *(pytest.param(*model, id=f"{model[0]}-224", marks=pytest.mark.slow) for model in FULL),
]
"""The full size takes minutes a method, so the ordinary run has smaller ones."""


def assert_same_map(found: FloatArray, expected: Tensor, exact: Tensor | None = None) -> None:
    """Equal within `TOLERANCE` of the expected map's range, which must not be zero.

    `exact` is what float64 computes. Where `expected`, PyTorch's float32, is itself further from it
    than the tolerance, `found` may be four times as far.
    """
    judge = (expected if exact is None else exact).numpy()
    reach = float(np.ptp(judge))
    assert reach > 0, "the reference map is flat: nothing would be compared"
    assert found.shape == judge.shape
    own = np.abs(expected.numpy() - judge).max()
    assert np.abs(found - judge).max() <= max(TOLERANCE["float32"] * reach, 4 * own)
