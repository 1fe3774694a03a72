"""The pictures that are explained: drawn, with structure at several scales, always the same."""

from __future__ import annotations

import cv2
import numpy as np

from camruntime.bundle import Bundle
from camruntime.maps import FloatArray
from camruntime.pictures import prepare


def image_of(bundle: Bundle, seed: int = 0) -> FloatArray:
    """A network's input `(1, channels, H, W)`; the first is `benchmarks/speed`'s photograph."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.random((n, n, 3)), (224, 224)) for n in (3, 9, 40)]
    pixels = (0.5 * layers[0] + 0.3 * layers[1] + 0.2 * layers[2]) * 255
    return prepare(np.asarray(pixels, np.uint8), bundle.manifest.input)
