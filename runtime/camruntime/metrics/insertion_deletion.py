"""Insertion less deletion (Yang et al., 2023): both at once, as Decom-CAM's authors sum them up.

Paper: "Decom-CAM: Tell me what you see, in details! Feature-level interpretation via decomposition
class activation map", arXiv 2306.04644.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register
from camruntime.metrics._revealing import Baseline, check_steps
from camruntime.metrics.deletion import Deletion
from camruntime.metrics.insertion import Insertion


@register("insertion-deletion")
@dataclass(frozen=True)
class InsertionDeletion:
    """Insertion less deletion.

    Attributes:
        steps: of both.
        revealed_on: insertion's baseline.
        removed_to: deletion's baseline.
        orders: of equally salient pixels, of both.
    """

    steps: int = 32
    revealed_on: Baseline = "blur"
    removed_to: Baseline = "mean"
    orders: int = 4

    info: ClassVar = MetricInfo(
        title="Insertion - Deletion",
        category="faithfulness",
        better="higher",
        description="insertion less deletion",
        usual=8,
    )

    def __post_init__(self) -> None:
        check_steps(self.steps, self.orders)

    def __call__(self, case: Case) -> Measured:
        """In percent, -100 to 100."""
        insertion = case.measure(Insertion(self.steps, self.revealed_on, self.orders)).value
        deletion = case.measure(Deletion(self.steps, self.removed_to, self.orders)).value
        return Measured((insertion or 0.0) - (deletion or 0.0))
