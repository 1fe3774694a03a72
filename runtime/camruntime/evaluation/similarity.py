"""How alike two saliency maps are: rank correlation and structural similarity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from camruntime._opencv import cv2
from camruntime.errors import CamError
from camruntime.maps import FloatArray

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 for values in [0, 1], so L = 1


def rank_correlation(one: FloatArray, other: FloatArray) -> float:
    """Spearman's correlation of two maps of the same shape, in [-1, 1].

    Equal values share their mean rank. A flat map has no ranks: 0.
    """
    a, b = _centred_ranks(one), _centred_ranks(other)
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0


def structural_similarity(one: FloatArray, other: FloatArray) -> float:
    """SSIM of two maps `(H, W)` in [0, 1], in [-1, 1].

    "Image Quality Assessment: From Error Visibility to Structural Similarity" (Wang et al., 2004):
    Gaussian window of 11 pixels and sigma 1.5, the mean over the places where it lies within the
    maps.

    Raises:
        CamError: a side is shorter than the window.
    """
    if min(one.shape) < _WINDOW:
        raise CamError(f"SSIM needs maps of {_WINDOW} pixels a side, got {one.shape}")
    a, b = one.astype(np.float64), other.astype(np.float64)
    mean_a, mean_b = _windowed(a), _windowed(b)
    variances = _windowed(a * a) - mean_a**2 + _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    return float((luminance * (2 * covariance + _C2) / (variances + _C2)).mean())


def _centred_ranks(values: FloatArray) -> NDArray[np.float64]:
    """Mean ranks, less their mean: flat `(H * W,)`."""
    _, place, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return np.asarray(ranks[place.ravel()] - (values.size + 1) / 2, np.float64)


def _windowed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means in a Gaussian window, without the border where it would reach over the edge."""
    margin = _WINDOW // 2
    blurred = cv2.GaussianBlur(values, (_WINDOW, _WINDOW), _SIGMA)
    return np.asarray(blurred[margin:-margin, margin:-margin], np.float64)
