"""ADCC (Poppi et al., 2021): are drop, coherency and complexity good at once?

Paper: arXiv 2104.10252.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register
from camruntime.metrics.average_drop import AverageDrop
from camruntime.metrics.coherency import Coherency
from camruntime.metrics.complexity import Complexity


@register("adcc")
@dataclass(frozen=True)
class ADCC:
    """`3 / (1/Coherency + 1/(1 - Complexity) + 1/(1 - Average Drop))`, of shares, times 100.

    The harmonic mean is 0 as soon as one of the three is, where the authors' code divides by zero.
    """

    info: ClassVar = MetricInfo(
        title="ADCC",
        category="faithfulness",
        better="higher",
        description="harmonic mean of coherency, simplicity, and probability kept",
        usual=1,
    )

    def __call__(self, case: Case) -> Measured:
        """In percent, 0 to 100."""
        coherency, complexity, drop = (
            (case.measure(part).value or 0.0) / 100
            for part in (Coherency(), Complexity(), AverageDrop())
        )
        shares = (coherency, 1 - complexity, 1 - drop)
        return Measured(300 / sum(1 / share for share in shares) if min(shares) > 0 else 0.0)
