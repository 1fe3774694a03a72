"""Energy-based pointing game (Wang et al., 2020): how much of the saliency lies on the object?

Paper: "Score-CAM: Score-weighted visual explanations for convolutional neural networks", arXiv
1910.01279, section 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from camruntime.metrics._case import Case, Measured
from camruntime.metrics._ground_truth import Shape, inside
from camruntime.metrics._info import MetricInfo
from camruntime.metrics._registry import register


@register("energy-pointing-game")
@dataclass(frozen=True)
class EnergyPointingGame:
    """Saliency inside the objects over all saliency, times 100.

    A flat map spreads evenly: its value is the share of the picture that the objects take.

    Attributes:
        shape: `boxes` around the objects, or their own `mask`.
    """

    shape: Shape = "boxes"

    info: ClassVar = MetricInfo(
        title="Energy-based pointing game",
        category="localisation",
        better="higher",
        description="share of the saliency that lies on the object",
        usual=10,
    )

    def __call__(self, case: Case) -> Measured:
        """In percent, 0 to 100; None without ground truth."""
        region = inside(case, self.shape)
        if region is None:
            return Measured(None)
        energy = case.photo_saliency.astype(np.float64)
        if not energy.any():
            energy = np.ones_like(energy)
        return Measured(100 * float(energy[region].sum() / energy.sum()))
