"""Coherency (Poppi et al., 2021): does the method explain its own explanation map the same way?

Paper: "Revisiting the evaluation of class activation mapping for explainability: a novel metric and
experimental analysis", arXiv 2104.10252.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.maps import pearson
from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register


@register("coherency")
@dataclass(frozen=True)
class Coherency:
    """`(1 + Pearson(map(picture), map(explanation map))) / 2`, for the same target, times 100.

    A flat map correlates with nothing, and gives 0. It costs a second explanation.
    """

    info: ClassVar = MetricInfo(
        title="Coherency",
        category="coherence",
        better="higher",
        description="how alike the maps of the picture and of its explanation map are",
        usual=4,
    )

    def __call__(self, case: Case) -> Measured:
        """In percent, 0 to 100."""
        correlation = pearson(case.saliency, case.seen_saliency)
        return Measured(0.0 if correlation is None else 50 * (1 + correlation))
