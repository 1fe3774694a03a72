"""Confidence (Feature CAM's paper): how sure is the network of the explanation map?

Paper: arXiv 2403.05658.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.errors import MetricError
from camruntime.maps import check_percentile
from camruntime.metrics._case import Case, Measured
from camruntime.metrics._explanation_map import shown_probabilities
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register


@register("confidence")
@dataclass(frozen=True)
class Confidence:
    """The target's probability on the explanation map, times 100.

    To be read beside the mean probability of the pictures themselves, and beside Grad-CAM's value.

    Attributes:
        percentile: pixels above this percentile of saliency are shown, the others are mean colour.
    """

    percentile: float = 20.0

    info: ClassVar = MetricInfo(
        title="Confidence",
        category="faithfulness",
        better="higher",
        description="probability of the class when only the most salient pixels are shown",
    )

    def __post_init__(self) -> None:
        check_percentile(self.percentile, MetricError)

    def __call__(self, case: Case) -> Measured:
        """In percent, 0 to 100."""
        return Measured(100 * float(shown_probabilities(case, self.percentile)[case.target]))
