"""Feature CAM (Clement et al., 2024): a map of the Grad-CAM family with the picture's edges in it.

Paper: "Feature CAM: Interpretable AI in image classification", arXiv 2403.05658, equations 7 to 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from camruntime._checks import within
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, bilinear, rescale
from camruntime.methods._registry import RELATIVE, Method, register
from camruntime.methods.grad_cam import GradCAM
from camruntime.methods.grad_cam_plus_plus import GradCAMPlusPlus
from camruntime.methods.smooth_grad_cam_plus_plus import SmoothGradCAMPlusPlus

_BASES: dict[str, Method] = {
    "grad-cam": GradCAM(),
    "grad-cam++": GradCAMPlusPlus(),
    "smooth-grad-cam++": SmoothGradCAMPlusPlus(),
}
_GREY = np.array([0.299, 0.587, 0.114], np.float32)

_OURS: dict[str, dict[str, object]] = {
    "ours-1": {"input": 2, "experiment": 1},
    "ours-2": {"input": 3, "experiment": 1},
    "ours-3": {"input": 1, "experiment": 1},
    "ours-4": {"input": 3, "experiment": 3},
    "ours-5": {"input": 1, "experiment": 3},
}
"""The paper's selection; which of its five has which number is our reading."""


@register("feature-cam", _OURS)
@dataclass(frozen=True, kw_only=True)
class FeatureCAM:
    """Feature CAM: a coarse map `M` in [0, 1] at the image's size, combined with features `F`.

    No code was published: how pictures are blended and limited to [0, 1] is our choice. Where `M`
    shows nothing, neither does the result: edges alone are no evidence.

    Attributes:
        base: the method that makes `M`, with its defaults.
        input: `F`: 1 the edges `E`; 2 the grey picture and `E`, blended `ratio2` to 1; 3 likewise,
            `ratio3` to 1.
        experiment: 1 addition `k F + M`; 2 multiplication `F M`; 3 complemented, `(1 - F) M`.
        k: of the addition, 0 to 0.5; with 0 the result is the base map.
        ratio2, ratio3: parts of the picture for one part of edges.
        limit: `clip` to [0, 1] or `rescale` to it.
        edges: `auto` takes the bundle's edge model and, without one, OpenCV's Scharr; or `scharr`,
            or the path of an edge model. The result says which it was.
    """

    base: Literal["grad-cam", "grad-cam++", "smooth-grad-cam++"] = "grad-cam"
    input: Literal[1, 2, 3] = 2
    experiment: Literal[1, 2, 3] = 1
    k: float = 0.25
    ratio2: float = 2.0
    ratio3: float = 1.0
    limit: Literal["clip", "rescale"] = "clip"
    edges: str = "auto"

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    unit: ClassVar[str] = RELATIVE

    def __post_init__(self) -> None:
        within(
            "feature-cam",
            MethodError,
            ("k", self.k, 0, 0.5),
            ("ratio2", self.ratio2, 0, 1e6),
            ("ratio3", self.ratio3, 0, 1e6),
        )

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, H, W)` in [0, 1], at the image's size."""
        pixels = forward.normalisation.drawn(forward.image)
        edges = graphs.edges(pixels, self.edges)
        feature = self._feature(pixels, edges.map)
        coarse = _BASES[self.base](graphs, forward, targets).raw
        height, width = coarse.shape[1:]
        upsampling = bilinear((height, width), feature.shape)
        small = rescale(coarse, *upsampling.extremes(coarse))
        combined = [self._combined(feature, one) for one in upsampling(small.maps)]
        shown = np.stack(combined) * small.evidence[:, None, None]
        limited = np.clip(shown, 0, 1) if self.limit == "clip" else rescale(shown).maps
        return Maps(limited.astype(np.float32), edges=edges.name)

    def _feature(self, pixels: FloatArray, edges: FloatArray) -> FloatArray:
        if self.input == 1:
            return edges
        ratio = np.float32(self.ratio2 if self.input == 2 else self.ratio3)
        grey = np.tensordot(_GREY, pixels[0], axes=1)
        return np.asarray((ratio * grey + edges) / (ratio + 1), np.float32)

    def _combined(self, feature: FloatArray, saliency: FloatArray) -> FloatArray:
        if self.experiment == 1:
            return np.float32(self.k) * feature + saliency
        return (feature if self.experiment == 2 else 1 - feature) * saliency
