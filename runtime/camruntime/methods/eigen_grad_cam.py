"""Eigen-Grad-CAM: Eigen-CAM of gradients times activations, which knows the class.

It is pytorch-grad-cam's; there is no paper. Eigen-CAM's is arXiv 2008.00299.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from camruntime.graphs import Forward, Graphs
from camruntime.maps import Maps
from camruntime.methods._decomposition import by_class_map
from camruntime.methods._gradients import gradients_by_target
from camruntime.methods._registry import RELATIVE, register


@register("eigen-grad-cam")
@dataclass(frozen=True, kw_only=True)
class EigenGradCAM:
    """Eigen-Grad-CAM: `U_1^T (g * A)`, the first principal direction of gradient times activation.

    `g` is `d y_c / d A`, `g * A = U Sigma V^T` as channels by cells. The decomposition leaves the
    sign open: the map points the way of the class map `sum_k (g * A)_k`, as Decom-CAM's features
    do (see `_decomposition`).

    Attributes:
        centred: as pytorch-grad-cam, channels lose their means before, and the map is clipped at 0.
            The sign is that of the class map all the same; which one pytorch-grad-cam shows is left
            to its solver.
    """

    centred: bool = False

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    unit: ClassVar[str] = RELATIVE

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`."""
        products = gradients_by_target(graphs, forward, targets) * forward.activations
        maps = np.stack([by_class_map(one, 1, self.centred).maps.sum(0) for one in products])
        return Maps(np.maximum(maps, 0) if self.centred else maps)
