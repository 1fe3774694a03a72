"""What a TIFF file says of its channels, which OpenCV does not pass on."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

_TAGS = {258: "bits", 262: "photometric", 338: "extra"}
_SHORT = 3


def tiff_tags(data: NDArray[np.uint8]) -> dict[str, tuple[int, ...]]:
    """Bits of each channel, kind of colours (2 is RGB), and what the other channels are.

    Of the file's first picture, as OpenCV takes it; empty for other files, and for BigTIFF.
    """
    raw = data.tobytes() if data[:4].tobytes() in (b"II*\0", b"MM\0*") else b""
    if not raw:
        return {}
    order = "<" if raw[:2] == b"II" else ">"
    found: dict[str, tuple[int, ...]] = {}
    try:
        (start,) = struct.unpack_from(order + "I", raw, 4)
        (entries,) = struct.unpack_from(order + "H", raw, start)
        for place in range(start + 2, start + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(order + "HHI", raw, place)
            if tag in _TAGS and kind == _SHORT and count < 1024:
                at = place + 8
                if 2 * count > 4:
                    (at,) = struct.unpack_from(order + "I", raw, at)
                found[_TAGS[tag]] = struct.unpack_from(f"{order}{count}H", raw, at)
    except struct.error:  # damaged, which OpenCV tells
        return {}
    return found
