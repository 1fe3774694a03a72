"""Complexity (Poppi et al., 2021): how much of the picture does the map take?

Paper: arXiv 2104.10252.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from camruntime.evaluation.summary import MetricInfo
from camruntime.metrics._case import Case
from camruntime.metrics._registry import Measured, register


@register("complexity")
@dataclass(frozen=True)
class Complexity:
    """Mean of the saliency map at the size of the network's input, times 100."""

    info: ClassVar = MetricInfo(
        title="Complexity",
        better="lower",
        unit="%",
        description="mean saliency: small maps are easier to read",
    )
    by_category: ClassVar = False
    needs_regions: ClassVar = False

    def __call__(self, case: Case) -> Measured:
        """In percent, 0 to 100."""
        return Measured(100 * float(np.mean(case.saliency, dtype=np.float64)))
