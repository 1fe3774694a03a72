"""A network's answers to every channel of a picture, computed once, for `anytime` to replay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import camruntime
from camruntime.bundle import Input
from camruntime.graphs import Forward, softmax
from camruntime.maps import FloatArray, Upsampling, bilinear, rescale
from camruntime.methods._channel_masks import channel_masks
from camruntime.pictures import prepare, read_picture

CLASSES = 5


@dataclass(frozen=True)
class Recorded:
    """A network's answers to the masks of one photograph's channels.

    Attributes:
        forward: of the plain pass; its image holds nothing but its size.
        shown: float32 `(n, h, w)`, the masks.
        scores: float32 `(n, classes)`, logits, of the most probable class first.
        rows: int `(C,)`, which mask is each channel's.
    """

    forward: Forward
    shown: FloatArray
    scores: FloatArray
    rows: Any

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """As `Graphs` has it, of masks that were recorded."""
        return self.scores[[self._known[mask.tobytes()] for mask in masks]]

    @cached_property
    def _known(self) -> dict[bytes, int]:
        return {mask.tobytes(): row for row, mask in enumerate(self.shown)}

    def of_class(self, place: int) -> Recorded:
        """The same of the class at this place alone, 0 being the most probable."""
        return replace(self, scores=self.scores[:, [place]])

    def exact(self) -> FloatArray:
        """Score-CAM's map."""
        return self.map_of(np.arange(len(self.rows)))

    def map_of(self, channels: Any) -> FloatArray:
        """Score-CAM's map of these channels, the others left out."""
        weights = softmax(self.scores[self.rows[channels], 0])
        maps = self.forward.activations[0][channels]
        return np.asarray(np.maximum(np.tensordot(weights, maps, 1), 0), np.float32)


def record(explainer: camruntime.Explainer, photo: Path, cache: Path) -> Recorded:
    """Every channel's logit, from the cache or computed into it."""
    spec = explainer.bundle.manifest.input
    place = cache / f"{photo.stem}.npz"
    if not place.is_file():
        graphs = explainer.graphs()
        forward = graphs.forward(prepare(read_picture(photo), spec))
        shown, _, upsampling = masks_of(forward.activations[0], spec)
        logits = graphs.logits_of_masked_images(forward.image, shown, upsampling)
        top = np.argsort(-forward.logits, kind="stable")[:CLASSES]
        place.parent.mkdir(parents=True, exist_ok=True)
        np.savez(place, maps=forward.activations[0], scores=logits[:, top])
    kept = np.load(place)
    blank = np.zeros((1, 3, *spec.size), np.float32)
    forward = Forward(blank, kept["maps"][None], np.zeros(1, np.float32))
    shown, rows, _ = masks_of(kept["maps"], spec)
    return Recorded(forward, shown, kept["scores"], rows)


def masks_of(maps: FloatArray, spec: Input) -> tuple[FloatArray, Any, Upsampling]:
    upsampling = bilinear((maps.shape[1], maps.shape[2]), spec.size)
    shown, rows = channel_masks(rescale(maps, *upsampling.extremes(maps)))
    return shown, rows, upsampling


def correlation(one: FloatArray, other: FloatArray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
