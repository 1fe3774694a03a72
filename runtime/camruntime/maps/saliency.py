"""From a method's raw map to saliency at the size of the input."""

from __future__ import annotations

from camruntime.maps.interpolation import bilinear
from camruntime.maps.rescale import LARGEST, FloatArray, is_flat, rescale_in_place


def has_saliency(raw: FloatArray, size: tuple[int, int]) -> bool:
    """Whether `saliency` is more than zeros: the map is neither flat nor anything but finite.

    Without upsampling it, which takes longer than all else that is done with a small one: between
    its own values there are no others. Only of a map that is shrunk, values may be left out.
    """
    height, width = raw.shape
    if height > size[0] or width > size[1]:
        return saliency(raw, size)[1]
    return not _shows_nothing(raw)


def saliency(raw: FloatArray, size: tuple[int, int]) -> tuple[FloatArray, bool]:
    """The raw map `(h, w)` upsampled to `size` `(H, W)` and rescaled to [0, 1], float32.

    And whether it shows anything: a map that is flat or not finite becomes zero.
    """
    height, width = raw.shape
    large = bilinear((height, width), size)(raw)
    return large, rescale_in_place(large, _shows_nothing(raw))


def _shows_nothing(raw: FloatArray) -> bool:
    """Whether it is flat, not finite, or of a range that float32 does not hold.

    Also where no peak lies on a pixel of the upsampled one, whose range it does hold.
    """
    low, high = float(raw.min()), float(raw.max())
    return is_flat(low, high) or high - low > LARGEST
