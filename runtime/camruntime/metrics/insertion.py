"""Insertion (Petsiuk et al., 2018): how fast does the probability rise with the salient pixels?

Paper: arXiv 1806.07421.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.evaluation.summary import MetricInfo
from camruntime.metrics._case import Case
from camruntime.metrics._registry import Measured, register
from camruntime.metrics._revealing import Baseline, area


@register("insertion")
@dataclass(frozen=True)
class Insertion:
    """Area under the target's probability while the most salient pixels are revealed, times 100.

    Attributes:
        steps: forward passes, less one.
        baseline: what they are revealed on: the `blur`red picture (the authors' choice), the `mean`
            colour, or `black`.
    """

    steps: int = 32
    baseline: Baseline = "blur"

    info: ClassVar = MetricInfo(
        title="Insertion",
        better="higher",
        unit="%",
        description="area under the probability while the most salient pixels are revealed",
    )
    by_category: ClassVar = False
    needs_regions: ClassVar = False

    def __call__(self, case: Case) -> Measured:
        """In percent, with the curve."""
        return area(case, self.steps, self.baseline, revealing=True)
