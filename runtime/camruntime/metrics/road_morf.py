"""ROAD, most relevant first (Rong et al., 2022): what is left without what counts?

Paper: "A consistent and efficient evaluation strategy for attribution methods", arXiv 2202.00449.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register
from camruntime.metrics._removing import check_removal, kept


@register("road-morf")
@dataclass(frozen=True)
class RoadMoRF:
    """Mean probability of the target while the most salient pixels are removed, times 100.

    A removed pixel is the weighted mean of its neighbours, with a little noise: it says less of
    what was there than a colour does, whose shape shows. The authors count right answers instead.

    Attributes:
        steps: shares that are removed, evenly spaced: four are 20, 40, 60 and 80 percent.
        noise: standard deviation of the noise, of the normalised picture.
    """

    steps: int = 4
    noise: float = 0.01

    info: ClassVar = MetricInfo(
        title="ROAD MoRF",
        category="faithfulness",
        better="lower",
        description="probability without the most salient pixels, guessed from the others",
    )

    def __post_init__(self) -> None:
        check_removal(self.steps, self.noise)

    def __call__(self, case: Case) -> Measured:
        """In percent, 0 to 100."""
        return kept(case, self.steps, self.noise, most_first=True)
