"""Bundles with seeded random weights beside the PyTorch networks that they come from."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

import camruntime
from camexport.build import BuildOptions, build_bundle
from camexport.models import find_architecture, load_network
from camruntime.pictures import Picture
from pairs import Pair, Pairs

SEEDS = {"efficientnet_b0": 2}
"""With seed 1 its rounding errors grow until PyTorch's float32 maps are a third off float64's."""


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Pairs:
    """Makes a pair from a model's name and input side and layer (None: its own), once a session."""
    folder = tmp_path_factory.mktemp("parity")

    @cache
    def make(model: str, side: int | None, layer: str | None) -> Pair:
        weights = "default" if model == "inspector" or ":" in model else "random"
        size = (side, side) if side else None
        out: Path = folder / f"{model}-{side}-{layer}"
        seed = SEEDS.get(model, 1)
        options = BuildOptions(
            model=model, weights=weights, size=size, seed=seed, layer=layer, out=out
        )
        bundle = build_bundle(options).bundle
        architecture = find_architecture(model)
        network, _ = load_network(architecture, weights, seed, bundle.manifest.input.size)
        return Pair(network.requires_grad_(False), camruntime.load(out, [provider]))

    def pair(model: str, side: int | None, layer: str | None = None) -> Pair:
        return make(model, side, layer)  # as the cache tells calls apart: default or not

    return pair


@pytest.fixture(scope="session")
def photo() -> Picture:
    """A seeded picture with structure at several scales, uint8 RGB `(150, 200, 3)`."""
    rng = np.random.default_rng(11)
    layers = [cv2.resize(rng.random((n, n, 3)), (200, 150)) for n in (3, 9, 40)]
    mixed = 0.5 * layers[0] + 0.3 * layers[1] + 0.2 * layers[2]
    return np.asarray(mixed * 255, np.uint8)
