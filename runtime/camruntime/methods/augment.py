"""Test-time augmentation around any method: the mean map of flipped, dimmed and brightened images.

What pytorch-grad-cam has as `aug_smooth`. No paper; the transforms are those of that library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from camruntime._checks import within
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, bilinear, rescale
from camruntime.methods._around import Around, explain_each, explain_one
from camruntime.methods._registry import RELATIVE, register_helper


@register_helper("augment")
@dataclass(frozen=True, kw_only=True)
class Augment(Around):
    """The mean of a method's maps of `a x`, and of its mirror image, mirrored back.

    `x` is the normalised image, `a` is 1 - spread, 1 and 1 + spread. Of the six images one is the
    photograph, whose pass is there already.

    Attributes:
        preset: `mean` averages the raw maps, in the method's unit. `grad-cam` rescales each map to
            [0, 1] at the image's size before, as pytorch-grad-cam does.
        spread: how much dimmer and brighter, in the normalised image.
    """

    preset: Literal["mean", "grad-cam"] = "mean"
    spread: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        within("augment", MethodError, ("spread", self.spread, 0, 1))

    @property
    def unit(self) -> str | None:
        """That of the method, unless maps are rescaled."""
        return super().unit if self.preset == "mean" else RELATIVE

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, as the method's; of `grad-cam` at the image's size."""
        others = [
            (np.float32(factor) * (forward.image[..., ::-1] if flipped else forward.image), flipped)
            for flipped in (False, True)
            for factor in (1 - self.spread, 1, 1 + self.spread)
            if flipped or factor != 1
        ]
        count = 1 + len(others)
        own = explain_one(self.method, graphs, forward, targets, count)
        total = self._part(own.raw, forward).astype(np.float64)
        images = ((image, targets) for image, _ in others)
        explained = explain_each(self.method, graphs, images, 1, count)
        for (_, flipped), (_, maps) in zip(others, explained, strict=True):
            part = self._part(maps.raw, forward)
            total += part[..., ::-1] if flipped else part
        return Maps(np.asarray(total / count, np.float32), edges=own.edges)

    def _part(self, raw: FloatArray, forward: Forward) -> FloatArray:
        if self.preset == "mean":
            return raw
        height, width = forward.image.shape[2:]
        return rescale(bilinear((raw.shape[1], raw.shape[2]), (height, width))(raw)).maps
