"""What was measured when a bundle was built: parity with PyTorch, and fidelity to float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Compared = Literal["head", "tail", "head+tail", "cells", "head+cells", "gradient"]


@dataclass(frozen=True, kw_only=True)
class Parity:
    """Largest difference from PyTorch at one batch size.

    Attributes:
        layer: at which the network was split.
        graph: whose output was compared; `head+tail` is the tail's, of what the head put out.
        saturated: whether activations were enlarged, to drive clipped functions to their ends.
        batch: number of images.
        absolute: largest absolute difference.
        relative: the same over the largest absolute value that PyTorch computed; for gradients, the
            norm of the difference from float64 over the norm of the gradient.
        float32: `relative` of PyTorch's own float32, where float64 was the judge: for gradients,
            and for networks whose rounding errors grow; None otherwise.
    """

    layer: str
    graph: Compared
    saturated: bool
    batch: int
    absolute: float
    relative: float
    float32: float | None

    @property
    def of_gradient(self) -> bool:
        """Whether it is a gradient's, which is measured in another way."""
        return self.graph == "gradient"

    @property
    def part(self) -> str:
        """What was compared, for people."""
        return self.graph + (", saturated" if self.saturated else "")


@dataclass(frozen=True, kw_only=True)
class Fidelity:
    """How alike the maps of a bundle of lower precision and of the same bundle in float32 are.

    Both explain the class that float32 finds most likely, raw maps at the layer's resolution.

    Attributes:
        method: whose maps.
        inputs: `pictures`, none of which the precision was calibrated on, or `noise`.
        images: number of images.
        mean, worst: correlation (Pearson's, cell by cell) over the images.
        same_top: share of the images, in [0, 1], on which both have the same top cell.
    """

    method: str
    inputs: Literal["pictures", "noise"]
    images: int
    mean: float
    worst: float
    same_top: float

    def __str__(self) -> str:
        """In one line, for people."""
        images = f"{self.images} {'pictures' if self.inputs == 'pictures' else 'images of noise'}"
        return (
            f"{self.method} correlates by {self.worst:.5f} at worst ({self.mean:.5f} in the mean), "
            f"same top cell on {self.same_top:.0%} of {images}"
        )
