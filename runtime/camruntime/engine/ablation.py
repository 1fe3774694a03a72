"""Copies of a layer's output that each lack one channel.

They are made once and mended after use: copying a thousand activations a thousand times would take
longer than a tail that pools and multiplies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from camruntime.graphs import LayerOutput
from camruntime.maps import FloatArray


class AblatedCopies:
    """Of one image's layer output."""

    def __init__(self, layer: LayerOutput) -> None:
        self._layer = layer
        self._copies: FloatArray = layer.activations[:0]

    @contextmanager
    def without(self, channels: NDArray[np.int64]) -> Iterator[LayerOutput]:
        """Copy i lacks channel `channels[i]`; they are whole again, and reused, afterwards."""
        count = len(channels)
        if len(self._copies) < count:
            self._copies = np.repeat(self._layer.activations, count, axis=0)
        tokens = self._layer.tokens
        at = np.arange(count), channels
        self._copies[at] = 0
        try:
            yield LayerOutput(
                self._copies[:count], None if tokens is None else np.repeat(tokens, count, axis=0)
            )
        finally:
            self._copies[at] = self._layer.activations[0, channels]
