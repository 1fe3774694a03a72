"""Feature CAM's explanation map: whole pixels where saliency is high, mean colour elsewhere."""

from __future__ import annotations

from camruntime.maps import FloatArray, above_percentile
from camruntime.metrics._case import Case


def shown_probabilities(case: Case, percentile: float) -> FloatArray:
    """Probabilities `(classes,)` of the picture where saliency is above a percentile."""
    shown = above_percentile(case.saliency, percentile)
    logits: FloatArray = case.graphs.logits(case.forward.image * shown)[0]
    return case.forward.probabilities(logits)
