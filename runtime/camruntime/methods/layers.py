"""One map of a method's maps at several layers.

A late layer is sure of what and vague of where, an early one the other way round. Layer-CAM was
made to be fused so (Jiang et al., 2021, "LayerCAM: Exploring hierarchical class activation maps for
localization", IEEE TIP 30); pytorch-grad-cam and torch-cam fuse any method's maps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from camruntime.bundle import SECOND
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, bilinear, rescale
from camruntime.methods._around import Around, explain_one, run_finite
from camruntime.methods._registry import RELATIVE, register_helper

_GAMMA = np.float32(2)
"""Of the paper's eq. 9."""


@register_helper("layers")
@dataclass(frozen=True, kw_only=True)
class LayerFusion(Around):
    """The mean of `U(s(M_l))` over the layers l that the bundle was built for, or their maximum.

    `M_l` is the method's map at layer l, `s` rescales it to [0, 1], and `U` upsamples it to the
    image's size; a map that shows nothing counts as 0 everywhere. Of a single layer it would be the
    method's own saliency: nothing is clipped beside what the method's own ReLU does.

    `layers/METHOD` is what pytorch-grad-cam makes of several target layers, but that it clips maps
    at 0 which have no ReLU of their own; `layers:fuse=max/METHOD` is torch-cam's `fuse_cams`, with
    `scale=tanh` that of its Layer-CAM, and of the paper.

    Attributes:
        fuse: `mean`, to which each layer adds; or `max`, what any of them shows.
        scale: `linear`; or `tanh` for `tanh(2 s(M_l))`, which lifts what is faint.
    """

    fuse: Literal["mean", "max"] = "mean"
    scale: Literal["linear", "tanh"] = "linear"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.method, LayerFusion):
            raise MethodError("layers/layers: a bundle's layers are fused once; leave out one")

    @property
    def needs(self) -> frozenset[str]:
        """Those of the method, and a second layer's."""
        return self.method.needs | {SECOND}

    @property
    def unit(self) -> str:
        """Rescaled maps are relative."""
        return RELATIVE

    @property
    def multiplies(self) -> bool:
        """To upsample."""
        return True

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Maps `(targets, H, W)` in [0, 1], at the image's size.

        Raises:
            MethodError: the network is split at one layer alone.
        """
        if len(graphs.cuts) == 1:
            raise MethodError(
                "layers/ fuses maps of several layers, and this network is split at one: build its "
                "bundle with --layer given several times, or leave out layers/"
            )
        fused, edges = np.zeros((), np.float32), None
        for maps in self._at_each(graphs, forward, targets):
            shown = self._shown(maps.raw, forward.image)
            fused = np.maximum(fused, shown) if self.fuse == "max" else fused + shown
            edges = maps.edges
        count = len(graphs.cuts) if self.fuse == "mean" else 1
        return Maps(np.asarray(fused / count, np.float32), edges=edges)

    def _at_each(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Iterator[Maps]:
        """The method's, layer by layer; the first layer's pass is there already."""
        cuts = graphs.cuts
        yield explain_one(self.method, graphs, forward, targets, len(cuts))
        for done, cut in enumerate(cuts[1:], 2):
            there = _at(cut, forward)
            yield run_finite(self.method, cut.shared([there], [targets]), there, targets)
            graphs.told(done, len(cuts))

    def _shown(self, raw: FloatArray, image: FloatArray) -> FloatArray:
        """A layer's maps `(targets, h, w)` as `(targets, H, W)` in [0, 1]."""
        scaled = rescale(raw).maps
        if self.scale == "tanh":
            scaled = np.tanh(_GAMMA * scaled)
        upsampling = bilinear((raw.shape[1], raw.shape[2]), (image.shape[2], image.shape[3]))
        return upsampling(scaled)


def _at(cut: Graphs, forward: Forward) -> Forward:
    """The pass at another layer: its logits are the same, so the head is enough."""
    layer = cut.layer(forward.image)
    return replace(forward, activations=layer.activations, tokens=layer.tokens, single_cells=None)
