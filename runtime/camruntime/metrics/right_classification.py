"""Right classification (Feature CAM's paper): is the explanation map still taken for the same?

Paper: "Feature CAM: Interpretable AI in image classification", arXiv 2403.05658.
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


@register("right-classification")
@dataclass(frozen=True)
class RightClassification:
    """100 where the explanation map has the picture's top class, else 0.

    Where classes are by themselves: where the target is there, or is not, as on the picture.

    Attributes:
        percentile: pixels above this percentile of saliency are shown, the others are mean colour.
    """

    percentile: float = 20.0

    info: ClassVar = MetricInfo(
        title="Right classification",
        category="faithfulness",
        better="higher",
        description="share of explanation maps that are classified as the picture is",
    )

    def __post_init__(self) -> None:
        check_percentile(self.percentile, MetricError)

    def __call__(self, case: Case) -> Measured:
        """100 or 0."""
        found, answer = shown_probabilities(case, self.percentile), case.forward.answer
        if answer.probabilities == "sigmoid":
            both = (case.probability, found[case.target])
            same = len({bool(one >= answer.threshold) for one in both}) == 1
        else:
            same = bool(found.argmax() == case.forward.logits.argmax())
        return Measured(100.0 * same)
