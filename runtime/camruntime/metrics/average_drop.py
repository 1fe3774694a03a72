"""Average Drop (Chattopadhay et al., 2018): how much probability is lost behind the saliency map?

Paper: "Grad-CAM++: Generalized gradient-based visual explanations for deep convolutional networks",
arXiv 1710.11063, section 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register


@register("average-drop")
@dataclass(frozen=True)
class AverageDrop:
    """`100 max(0, s - s') / s`: s, s' are the target's probability on picture and explanation map.

    The explanation map is the normalised picture times the saliency. A probability of 0 cannot
    drop: the value is then 0.
    """

    info: ClassVar = MetricInfo(
        title="Average Drop",
        category="faithfulness",
        better="lower",
        description="probability that is lost when only the explanation map is seen",
        usual=2,
    )

    def __call__(self, case: Case) -> Measured:
        """In percent, 0 to 100."""
        before, after = case.probability, seen_probability(case)
        return Measured(100 * max(0.0, before - after) / before if before > 0 else 0.0)


def seen_probability(case: Case) -> float:
    """The target's probability on the explanation map."""
    return float(case.seen.probabilities()[case.target])
