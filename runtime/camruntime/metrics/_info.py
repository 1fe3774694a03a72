"""What a metric says of itself: how it is read, and what it is good for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Category = Literal["faithfulness", "coherence", "complexity", "localisation"]
"""Does the network agree with the map; does the method agree with itself; is the map small; does it
lie where the object is."""


@dataclass(frozen=True, kw_only=True)
class MetricInfo:
    """How a metric is read.

    Attributes:
        title: its name for readers.
        category: what it judges.
        better: whether more or less of it is good; `neither` for a mere description.
        unit: `%` where values are shares times 100, else empty.
        description: what it says, in a sentence.
        by_category: the mean is one of the means of the data set's classes, not of all samples.
        usual: its place among the metrics that are measured unless others are asked for; None for
            one that has to be asked for.
        curve_axis: of a metric that is an area under the probability, what the curve is drawn over.
    """

    title: str
    category: Category
    better: Literal["higher", "lower", "neither"]
    description: str
    unit: str = "%"
    by_category: bool = False
    usual: int | None = None
    curve_axis: str | None = None

    @property
    def arrow(self) -> str:
        """Which way is better, as an arrow; empty where neither is."""
        return {"higher": "\N{UPWARDS ARROW}", "lower": "\N{DOWNWARDS ARROW}", "neither": ""}[
            self.better
        ]

    @property
    def sign(self) -> int:
        """1 where more is better, -1 where less is, else 0."""
        return {"higher": 1, "lower": -1, "neither": 0}[self.better]
