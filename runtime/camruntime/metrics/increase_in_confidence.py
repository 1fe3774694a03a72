"""Increase in Confidence (Chattopadhay et al., 2018): is the network surer of what the map leaves?

Paper: arXiv 1710.11063, section 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register
from camruntime.metrics.average_drop import seen_probability


@register("increase-in-confidence")
@dataclass(frozen=True)
class IncreaseInConfidence:
    """100 where `s < s'`, else 0, with the probabilities of Average Drop; its mean is a share."""

    info: ClassVar = MetricInfo(
        title="Increase in Confidence",
        category="faithfulness",
        better="higher",
        description="share of pictures whose explanation map has a higher probability",
        usual=3,
    )

    def __call__(self, case: Case) -> Measured:
        """100 or 0."""
        return Measured(100.0 * (case.probability < seen_probability(case)))
