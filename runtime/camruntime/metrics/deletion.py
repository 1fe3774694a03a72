"""Deletion (Petsiuk et al., 2018): how fast does the probability fall without the salient pixels?

Paper: "RISE: Randomized input sampling for explanation of black-box models", arXiv 1806.07421.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register
from camruntime.metrics._revealing import Baseline, area, check_steps


@register("deletion")
@dataclass(frozen=True)
class Deletion:
    """Area under the target's probability while the most salient pixels are removed, times 100.

    Attributes:
        steps: forward passes of one order, less one; the authors take a row of pixels at a time.
        baseline: what takes their place: `mean` colour (the authors' choice), `black`, or the
            `blur`red picture.
        orders: random orders of equally salient pixels to average over, always the same ones; they
            cost passes only at steps that part equal pixels.
    """

    steps: int = 32
    baseline: Baseline = "mean"
    orders: int = 4

    info: ClassVar = MetricInfo(
        title="Deletion",
        category="faithfulness",
        better="lower",
        description="area under the probability while the most salient pixels are removed",
        usual=7,
        curve_axis="share of pixels removed",
    )

    def __post_init__(self) -> None:
        check_steps(self.steps, self.orders)

    def __call__(self, case: Case) -> Measured:
        """In percent, with the curve."""
        return area(case, self.steps, self.baseline, self.orders, revealing=False)
