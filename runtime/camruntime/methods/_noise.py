"""Normal noise in a quarter of the time that NumPy takes, which is a third of a small pass."""

from __future__ import annotations

from functools import cache
from statistics import NormalDist

import numpy as np

from camruntime.maps import FloatArray

_LEVELS = 2**16


def normal_noise(draw: np.random.Generator, shape: tuple[int, ...], sigma: float) -> FloatArray:
    """float32 of `shape`: `sigma` times the normal distribution's quantile `(i + 1/2) / 65536`.

    `i` is `draw.integers(0, 65536, shape, numpy.uint16)`, so no value is beyond 4.2 `sigma`.
    """
    levels = draw.integers(0, _LEVELS, shape, np.uint16)
    return np.take(np.float32(sigma) * _quantiles(), levels, mode="clip")


@cache
def _quantiles() -> FloatArray:
    normal = NormalDist()
    return np.array([normal.inv_cdf((i + 0.5) / _LEVELS) for i in range(_LEVELS)], np.float32)
