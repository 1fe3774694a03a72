"""Layer fusion: one map of a method's maps at several layers.

A late layer is sure of what and vague of where, an early one the other way round. Layer-CAM (Jiang
et al., 2021, "LayerCAM: Exploring hierarchical class activation maps for localization", IEEE TIP
30) was made to be fused so; pytorch-grad-cam fuses those of any method, and torch-cam, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from camruntime.bundle import SECOND
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, bilinear, rescale
from camruntime.methods._registry import RELATIVE, Method, preferred

_GAMMA = 2.0
"""Of the paper's eq. 9."""


@dataclass(frozen=True)
class LayerFusion:
    """A method at every layer that the bundle was built for: `mean_l U(s(M_l))`, or their maximum.

    `M_l` is the method's map at layer l, `s` rescales it to [0, 1], `U` upsamples it to the image's
    size; a map that shows nothing counts as 0 everywhere. What a method's own ReLU leaves is what
    is fused: nothing more is clipped, so of a single layer it would be the method's own saliency.

    `layers/METHOD` is what pytorch-grad-cam makes of several target layers;
    `layers:fuse=max/METHOD` is torch-cam's `fuse_cams`; with `scale=tanh`, torch-cam's Layer-CAM
    and the paper's own fusion.

    Attributes:
        method: whose maps.
        fuse: `mean`, so that all layers count; or `max`, what any of them shows.
        scale: `linear`; or `tanh`, `tanh(2 s(M_l))`, which lifts what early layers show faintly.
    """

    method: Method
    _: KW_ONLY
    fuse: Literal["mean", "max"] = "mean"
    scale: Literal["linear", "tanh"] = "linear"

    unit: ClassVar[str] = RELATIVE

    def __post_init__(self) -> None:
        if isinstance(self.method, LayerFusion):
            raise MethodError("layers/layers: the layers of a bundle are fused once, leave one out")

    @property
    def needs(self) -> frozenset[str]:
        """The method's own, and a second layer."""
        return self.method.needs | {SECOND}

    @property
    def prefers(self) -> frozenset[str]:
        """What the method does; it comes with the first layer's pass."""
        return preferred([self.method])

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, H, W)` in [0, 1], at the image's size.

        Raises:
            MethodError: the network was split at one layer alone.
        """
        if len(graphs.cuts) == 1:
            raise MethodError(
                "layers fuses maps of several layers, and this network is split at one: build its "
                "bundle with --layer given several times, or leave out layers/"
            )
        fused, edges = np.zeros((), np.float32), None
        for maps in self._maps(graphs, forward, targets):
            shown, edges = self._shown(maps.raw, forward.image.shape[2:]), edges or maps.edges
            fused = np.maximum(fused, shown) if self.fuse == "max" else fused + shown
        if self.fuse == "mean":
            fused = fused / np.float32(len(graphs.cuts))
        return Maps(fused, edges=edges)

    def _maps(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Iterator[Maps]:
        """The method's, layer by layer; the first layer's pass is there already."""
        yield self.method(graphs, forward, targets)
        for cut in graphs.cuts[1:]:
            yield self.method(cut, _at(cut, forward), targets)

    def _shown(self, raw: FloatArray, size: tuple[int, ...]) -> FloatArray:
        """From a layer's maps `(targets, h, w)` to `(targets, H, W)` in [0, 1]."""
        height, width = raw.shape[1:]
        scaled = rescale(raw).maps
        if self.scale == "tanh":
            scaled = np.tanh(np.float32(_GAMMA) * scaled)
        return bilinear((height, width), (size[0], size[1]))(scaled)


def _at(cut: Graphs, forward: Forward) -> Forward:
    """The pass at another layer: the logits are the same, so the head is enough."""
    layer = cut.layer(forward.image)
    return replace(forward, activations=layer.activations, tokens=layer.tokens, single_cells=None)
