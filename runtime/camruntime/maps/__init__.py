"""Maps: what methods return, how they are upsampled, rescaled, and compared."""

from camruntime.maps.correlation import pearson
from camruntime.maps.interpolation import Upsampling, bicubic, bilinear
from camruntime.maps.percentile import above_percentile, check_percentile
from camruntime.maps.rescale import ROUNDING, FloatArray, Rescaled, rescale
from camruntime.maps.result import Approximation, Components, Maps
from camruntime.maps.saliency import has_saliency, saliency

__all__ = [
    "ROUNDING",
    "Approximation",
    "Components",
    "FloatArray",
    "Maps",
    "Rescaled",
    "Upsampling",
    "above_percentile",
    "bicubic",
    "bilinear",
    "check_percentile",
    "has_saliency",
    "pearson",
    "rescale",
    "saliency",
]
