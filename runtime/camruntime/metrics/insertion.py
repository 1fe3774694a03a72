"""Insertion (Petsiuk et al., 2018): how fast does the probability rise with the salient pixels?

Paper: arXiv 1806.07421.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register
from camruntime.metrics._revealing import Baseline, area, check_steps


@register("insertion")
@dataclass(frozen=True)
class Insertion:
    """Area under the target's probability while the most salient pixels are revealed, times 100.

    Attributes:
        steps: forward passes of one order, less one.
        baseline: what they are revealed on: the `blur`red picture (the authors' choice), the `mean`
            colour, or `black`.
        orders: random orders of equally salient pixels to average over, always the same ones; they
            cost passes only at steps that part equal pixels.
    """

    steps: int = 32
    baseline: Baseline = "blur"
    orders: int = 4

    info: ClassVar = MetricInfo(
        title="Insertion",
        category="faithfulness",
        better="higher",
        description="area under the probability while the most salient pixels are revealed",
        usual=6,
        curve_axis="share of pixels revealed",
    )

    def __post_init__(self) -> None:
        check_steps(self.steps, self.orders)

    def __call__(self, case: Case) -> Measured:
        """In percent, with the curve."""
        return area(case, self.steps, self.baseline, self.orders, revealing=True)
