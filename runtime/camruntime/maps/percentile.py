"""Which pixels an explanation map shows: those whose saliency is above a percentile of its values.

Feature CAM's paper (arXiv 2403.05658) lets "80 percentile of intensities" pass, which is read as
the 20th percentile; 80 is the other reading.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import is_between
from camruntime._text import shown
from camruntime.errors import CamError
from camruntime.maps.rescale import FloatArray


def check_percentile(percentile: object, error: type[CamError] = CamError) -> None:
    """Raise `error` where `percentile` is none."""
    if not is_between(percentile, 0, 100):
        raise error(f"a percentile lies between 0 and 100, got {shown(percentile)}")


def above_percentile(saliency: FloatArray, percentile: float) -> NDArray[np.bool_]:
    """Bool, same shape. A map without evidence shows nothing."""
    return np.asarray(saliency > np.percentile(saliency, percentile), np.bool_)
