"""ROAD (Rong et al., 2022): are the least salient pixels needed less than the most salient ones?

Paper: "A consistent and efficient evaluation strategy for attribution methods", arXiv 2202.00449.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register
from camruntime.metrics._removing import check_removal
from camruntime.metrics.road_lerf import RoadLeRF
from camruntime.metrics.road_morf import RoadMoRF


@register("road")
@dataclass(frozen=True)
class Road:
    """ROAD LeRF less ROAD MoRF: twice what pytorch-grad-cam's `ROADCombined` says, times 100.

    Attributes:
        steps: of both.
        noise: of both.
    """

    steps: int = 4
    noise: float = 0.01

    info: ClassVar = MetricInfo(
        title="ROAD",
        category="faithfulness",
        better="higher",
        description="probability without the least salient pixels less that without the most",
    )

    def __post_init__(self) -> None:
        check_removal(self.steps, self.noise)

    def __call__(self, case: Case) -> Measured:
        """In percent, -100 to 100."""
        least = case.measure(RoadLeRF(self.steps, self.noise)).value
        most = case.measure(RoadMoRF(self.steps, self.noise)).value
        return Measured((least or 0.0) - (most or 0.0))
