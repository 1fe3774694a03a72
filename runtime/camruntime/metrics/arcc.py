"""ARCC (Domeniconi et al., 2026): are ROAD, coherency and complexity good at once?

Paper: "How to evaluate and refine your CAM", arXiv 2605.14641, as its authors' code in
pytorch-grad-cam 1.5.7 computes it. ROAD takes the place of ADCC's Average Drop.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register
from camruntime.metrics.coherency import Coherency
from camruntime.metrics.complexity import Complexity
from camruntime.metrics.road import Road


@register("arcc")
@dataclass(frozen=True)
class ARCC:
    """`3 / (1/Coherency + 1/(1 - Complexity) + 1/ROAD)`, of shares, times 100.

    ROAD at 20, 40, 60 and 80 percent; 0 where it is negative. The harmonic mean is 0 as soon as one
    of the three is.
    """

    info: ClassVar = MetricInfo(
        title="ARCC",
        category="faithfulness",
        better="higher",
        description="harmonic mean of coherency, simplicity, and ROAD",
    )

    def __call__(self, case: Case) -> Measured:
        """In percent, 0 to 100."""
        coherency, complexity, road = (
            (case.measure(part).value or 0.0) / 100 for part in (Coherency(), Complexity(), Road())
        )
        shares = (coherency, 1 - complexity, road)
        return Measured(300 / sum(1 / share for share in shares) if min(shares) > 0 else 0.0)
