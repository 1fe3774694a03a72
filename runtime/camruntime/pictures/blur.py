"""Gaussian blur, as far as two libraries compute it."""

from __future__ import annotations

import numpy as np

from camruntime._opencv import cv2
from camruntime.maps import FloatArray


def gaussian_blur(image: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur of float32 `(1, channels, H, W)` with `sigma` in pixels.

    As `scipy.ndimage.gaussian_filter`: radius `int(4 sigma + 0.5)`, mirrored at the edge of the
    border pixels.
    """
    return _blurred(image, 2 * int(4 * sigma + 0.5) + 1, sigma, cv2.BORDER_REFLECT)


def gaussian_blur_within(image: FloatArray, side: int, sigma: float) -> FloatArray:
    """Gaussian blur of float32 `(1, channels, H, W)`, cut off to `side` x `side` pixels, odd.

    As `torchvision.transforms.functional.gaussian_blur`: mirrored at the border pixels, which are
    not repeated. `sigma` is in pixels.
    """
    return _blurred(image, side, sigma, cv2.BORDER_REFLECT_101)


def _blurred(image: FloatArray, side: int, sigma: float, border: int) -> FloatArray:
    channels = np.ascontiguousarray(image[0].transpose(1, 2, 0))
    blurred = cv2.GaussianBlur(channels, (side, side), sigma, borderType=border)
    kept = blurred.reshape(channels.shape)  # OpenCV drops a single channel
    return np.ascontiguousarray(kept.transpose(2, 0, 1)[None], np.float32)
