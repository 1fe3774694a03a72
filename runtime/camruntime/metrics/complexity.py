"""Complexity (Poppi et al., 2021): how much of the picture does the map take?

Paper: arXiv 2104.10252.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register


@register("complexity")
@dataclass(frozen=True)
class Complexity:
    """Mean of the saliency map at the size of the network's input, times 100."""

    info: ClassVar = MetricInfo(
        title="Complexity",
        category="complexity",
        better="lower",
        description="mean saliency: small maps are easier to read",
        usual=5,
    )

    def __call__(self, case: Case) -> Measured:
        """In percent, 0 to 100."""
        return Measured(100 * float(np.mean(case.saliency, dtype=np.float64)))
