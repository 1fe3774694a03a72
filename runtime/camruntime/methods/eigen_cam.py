"""Eigen-CAM (Muhammad and Yeasin, 2020): the activations' first principal direction, of no class.

Paper: "Eigen-CAM: Class activation map using principal components", arXiv 2008.00299.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from camruntime.graphs import Forward, Graphs
from camruntime.maps import Maps
from camruntime.methods._decomposition import by_largest_cell, by_mean
from camruntime.methods._registry import RELATIVE, register


@register("eigen-cam")
@dataclass(frozen=True, kw_only=True)
class EigenCAM:
    """Eigen-CAM: `U_1^T A`, the projection of every cell on the first left singular vector.

    `A = U Sigma V^T` are the activations as channels by cells, so the map is `Sigma_1 V_1^T`. No
    class is asked for: all targets have the same map. The decomposition leaves its sign open: its
    mean over the cells is positive here; where that is zero, its largest entry in magnitude is.

    Attributes:
        centred: as pytorch-grad-cam, channels lose their means before, and the map is clipped at 0.
            Its own mean is then zero, so that its largest entry in magnitude is positive; which
            sign pytorch-grad-cam shows is left to its solver.
    """

    centred: bool = False

    needs: ClassVar[frozenset[str]] = frozenset()
    unit: ClassVar[str] = RELATIVE

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, one and the same; only the plain pass is needed."""
        maps = forward.activations[0]
        if self.centred:
            raw = np.maximum(by_largest_cell(maps, 1).maps.sum(0), 0)  # of none where A is flat
        else:
            raw = by_mean(maps, 1).maps.sum(0)
        return Maps(np.repeat(raw[None], len(targets), axis=0))
