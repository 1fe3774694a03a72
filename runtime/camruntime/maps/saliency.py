"""From a method's raw map to saliency at the size of the input."""

from __future__ import annotations

from camruntime.maps.interpolation import bilinear
from camruntime.maps.rescale import FloatArray, is_flat, rescale_in_place


def saliency(raw: FloatArray, size: tuple[int, int]) -> tuple[FloatArray, bool]:
    """The raw map `(h, w)` upsampled to `size` `(H, W)` and rescaled to [0, 1], float32.

    And whether it shows anything: a map that is flat or not finite becomes zero.
    """
    height, width = raw.shape
    large = bilinear((height, width), size)(raw)
    return large, rescale_in_place(large, is_flat(float(raw.min()), float(raw.max())))
