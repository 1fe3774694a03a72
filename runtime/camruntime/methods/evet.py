"""EVET (Oh et al., 2021) around any method: the mean map of transformed images, each mapped back.

Paper: "EVET: Enhancing visual explanations of deep neural networks using image transformations",
WACV 2021. It could not be read and no code is known: which transformations, and that all count the
same, is our reading.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import within
from camruntime._opencv import cv2
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, bilinear
from camruntime.methods._around import Around, explain_each, explain_one
from camruntime.methods._registry import register_helper

Affine = NDArray[np.float64]


@register_helper("evet")
@dataclass(frozen=True, kw_only=True)
class Evet(Around):
    """The mean of a method's raw maps of transformed photographs, each mapped back.

    They are the photograph, its mirror image, two that are rotated and two that are resized: about
    the middle, bilinearly; what comes in from outside is the picture mirrored at its edge. A pixel
    that a transformed picture does not show is averaged over those that do. Of the six images one
    is the photograph, whose pass is there already.

    Attributes:
        degrees: of the rotations, to either side.
        zoom: one picture is enlarged so many times, one shrunk.
    """

    degrees: float = 10.0
    zoom: float = 1.1

    def __post_init__(self) -> None:
        super().__post_init__()
        within("evet", MethodError, ("degrees", self.degrees, 0, 180), ("zoom", self.zoom, 1, 4))

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, H, W)` at the image's size."""
        height, width = forward.image.shape[2:]
        ways = list(self._ways(height, width))
        images = (_warped(forward.image[0], way, cv2.BORDER_REFLECT) for way in ways)
        count = 1 + len(ways)
        own = explain_one(self.method, graphs, forward, targets, count)
        total, seen = _large(own.raw, (height, width)).astype(np.float64), np.ones((height, width))
        wanted = ((one[None], targets) for one in images)
        explained = explain_each(self.method, graphs, wanted, 1, count)
        for way, (_, maps) in zip(ways, explained, strict=True):
            back = np.asarray(cv2.invertAffineTransform(way), np.float64)
            total += _warped(_large(maps.raw, (height, width)), back, cv2.BORDER_CONSTANT)
            seen += _warped(np.ones((1, height, width), np.float32), back, cv2.BORDER_CONSTANT)[0]
        return Maps(np.asarray(total / seen, np.float32), edges=own.edges)

    def _ways(self, height: int, width: int) -> Iterator[Affine]:
        """Affine transformations `(2, 3)` of pixel positions, from the photograph."""
        yield np.array([[-1, 0, width - 1], [0, 1, 0]], np.float64)
        middle = (width - 1) / 2, (height - 1) / 2
        for degrees, zoom in (
            (self.degrees, 1.0),
            (-self.degrees, 1.0),
            (0.0, self.zoom),
            (0.0, 1 / self.zoom),
        ):
            yield np.asarray(cv2.getRotationMatrix2D(middle, degrees, zoom), np.float64)


def _large(raw: FloatArray, size: tuple[int, int]) -> FloatArray:
    return bilinear((raw.shape[1], raw.shape[2]), size)(raw)


def _warped(channels: FloatArray, way: Affine, border: int) -> FloatArray:
    """float32 `(n, H, W)`, each as `way` moves it."""
    size = channels.shape[2], channels.shape[1]
    return np.stack(
        [
            cv2.warpAffine(np.ascontiguousarray(one), way, size, None, cv2.INTER_LINEAR, border)
            for one in channels
        ]
    )
