"""The one place where maps are rescaled to [0, 1]: safe on constant and non-finite maps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

ROUNDING = 8 * float(np.finfo(np.float32).eps)
"""A map whose range is below this part of its largest value is flat: rounding makes as much."""


LARGEST = float(np.finfo(np.float32).max)


class Rescaled(NamedTuple):
    """Maps in [0, 1], and which of them carry evidence (the others are all zero)."""

    maps: FloatArray
    evidence: NDArray[np.bool_]


def is_flat(low: float, high: float) -> bool:
    """Whether a map between these values is constant but for rounding."""
    return not high - low > ROUNDING * max(-low, high)  # of NaN, too


def rescale_in_place(one: FloatArray, flat: bool) -> bool:
    """`rescale` of a single large map, without copies of it; whether it carries evidence.

    Args:
        one: float32 `(H, W)`, rescaled to [0, 1], or zero.
        flat: what it was made of is flat: rounding must not be stretched.
    """
    low, high = float(one.min()), float(one.max())
    if flat or not 0 < high - low <= LARGEST:  # not of NaN, either
        one.fill(0)
        return False
    one -= np.float32(low)
    one /= np.float32(high - low)
    return True


def rescale(
    maps: FloatArray,
    low: FloatArray | None = None,
    high: FloatArray | None = None,
    epsilon: float = 0.0,
) -> Rescaled:
    """`(maps - low) / (high - low + epsilon)`, for each map by itself.

    Args:
        maps: float32 `(..., h, w)`.
        low: float32 `(...)`, the values that become 0; default each map's minimum.
        high: float32 `(...)`, the values that become 1; default each map's maximum.
        epsilon: added to the range, as some published code does; 0 is the definition.

    Returns:
        The rescaled maps, same shape. A map that is constant but for float32 rounding, and one that
        holds NaN or infinity, becomes zero and its `evidence` False: there is nothing in it to see.
    """
    least, most = maps.min((-2, -1)), maps.max((-2, -1))
    floor = least if low is None else low
    ceiling = most if high is None else high
    with np.errstate(over="ignore", invalid="ignore"):
        span = ceiling - floor + np.float32(epsilon)
        evidence = np.isfinite(span) & (most - least > ROUNDING * np.maximum(-least, most))
        scaled = (maps - floor[..., None, None]) / np.where(evidence, span, 1)[..., None, None]
    return Rescaled(np.where(evidence[..., None, None], scaled, 0).astype(np.float32), evidence)
