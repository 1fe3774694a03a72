"""What the runtime's tests share: the shipped bundle, and networks small enough for paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from camruntime.maps import FloatArray
from numpy_graphs import NumpyGraphs

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"


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
