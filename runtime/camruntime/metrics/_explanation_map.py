"""Feature CAM's explanation map: whole pixels where saliency is high, mean colour elsewhere."""

from __future__ import annotations

import numpy as np

from camruntime.errors import MetricError
from camruntime.graphs import softmax
from camruntime.metrics._case import Case
from camruntime.rescale import FloatArray


def shown_probabilities(case: Case, percentile: float) -> FloatArray:
    """Probabilities `(classes,)` of the picture where saliency is above a percentile of its values.

    The paper lets "80 percentile of intensities" pass, which is read as the 20th percentile; 80 is
    the other reading. A map without evidence shows nothing but the mean colour.
    """
    if not 0 <= percentile <= 100:
        raise MetricError(f"a percentile lies between 0 and 100, got {percentile}")
    shown = case.saliency > np.percentile(case.saliency, percentile)
    logits: FloatArray = case.graphs.logits(case.forward.image * shown)[0]
    return softmax(logits)
