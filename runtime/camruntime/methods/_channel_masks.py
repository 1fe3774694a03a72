"""One mask per live channel, and a blank one that all flat channels share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from camruntime.maps import FloatArray, Rescaled


class ChannelMasks(NamedTuple):
    """What Score-CAM shows a network.

    A flat channel's mask is zero, so all flat channels show the network the same blank image: it is
    run once for all of them, which leaves the result exactly as if each had been run.

    Attributes:
        shown: float32 `(n, h, w)`; the last is the blank one where any channel is flat.
        rows: int `(C,)`, which of `shown` is each channel's.
    """

    shown: FloatArray
    rows: NDArray[np.int64]


def channel_masks(masks: Rescaled) -> ChannelMasks:
    """Of maps `(C, h, w)` that were rescaled, those with evidence, and one for all others."""
    live = masks.evidence
    blank = np.zeros((0 if live.all() else 1, *masks.maps.shape[1:]), np.float32)
    shown = np.concatenate([masks.maps[live], blank])
    return ChannelMasks(shown, np.where(live, np.cumsum(live) - 1, len(shown) - 1))
