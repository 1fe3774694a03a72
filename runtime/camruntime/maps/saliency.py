"""From a method's raw map to saliency at the size of the input."""

from __future__ import annotations

import numpy as np

from camruntime.maps.interpolation import bilinear
from camruntime.maps.rescale import FloatArray, rescale


def saliency(raw: FloatArray, size: tuple[int, int]) -> tuple[FloatArray, bool]:
    """The raw map `(h, w)` upsampled to `size` `(H, W)` and rescaled to [0, 1], float32.

    And whether it shows anything: a map that is flat or not finite becomes zero.
    """
    height, width = raw.shape
    upsampling = bilinear((height, width), size)
    low, high = upsampling.extremes(raw[None])
    small, evidence = rescale(raw[None], low, high)
    return np.clip(upsampling(small[0]), 0, 1), bool(evidence[0])
