"""`Graphs` on ONNX Runtime: perturbations made on the device, in chunks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from camruntime.engine import CPU, DeviceValue, Engine
from camruntime.errors import NonFiniteError
from camruntime.graphs import Forward
from camruntime.interpolation import Upsampling
from camruntime.rescale import FloatArray

_CHUNK = 64

Progress = Callable[[int, int], None]
"""Called with the number of perturbations done and the number of all, of one image."""


@dataclass(frozen=True)
class OnnxGraphs:
    """Runs a bundle's graphs through `engine`.

    Attributes:
        engine: where sessions live.
        chunk: how many perturbed copies are computed at once; it never changes a result. None
            takes 64, but for images on the CPU 16: more outgrow the caches, fewer pay too much for
            starting each run.
        progress: told after every chunk.
    """

    engine: Engine
    chunk: int | None = None
    progress: Progress | None = None

    def forward(self, image: FloatArray) -> Forward:
        """See `Graphs`. Raises `NonFiniteError` when the logits hold NaN or infinity."""
        (activations,) = self.engine.run("head", {"image": image})
        (logits,) = self.engine.run("tail", {"activations": activations})
        answer = logits.numpy()[0]
        if not np.isfinite(answer).all():
            raise NonFiniteError(
                f"the network '{self.engine.bundle.manifest.model}' answered NaN or infinity to "
                "this image; check its weights with `camexport verify`"
            )
        return Forward(image, activations.numpy(), answer)

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """See `Graphs`."""
        fixed = {
            "image": self.engine.upload(image),
            "rows": self.engine.upload(upsampling.rows),
            "columns": self.engine.upload(upsampling.columns),
        }

        def logits(chunk: FloatArray) -> DeviceValue:
            (masked,) = self.engine.run("mask_images", {**fixed, "masks": chunk})
            (activations,) = self.engine.run("head", {"image": masked})
            return self.engine.run("tail", {"activations": activations})[0]

        return self._in_chunks(logits, masks, 16 if self.engine.provider == CPU else _CHUNK)

    def logits_of_masked_activations(
        self, activations: FloatArray, masks: FloatArray
    ) -> FloatArray:
        """See `Graphs`."""
        fixed = self.engine.upload(activations)

        def logits(chunk: FloatArray) -> DeviceValue:
            (masked,) = self.engine.run("mask_activations", {"activations": fixed, "masks": chunk})
            return self.engine.run("tail", {"activations": masked})[0]

        return self._in_chunks(logits, masks, _CHUNK)

    def _in_chunks(
        self, logits: Callable[[FloatArray], DeviceValue], masks: FloatArray, usual: int
    ) -> FloatArray:
        size = self.chunk or usual
        parts = []
        for start in range(0, len(masks), size):
            parts.append(logits(masks[start : start + size]).numpy())
            if self.progress is not None:
                self.progress(min(start + size, len(masks)), len(masks))
        return np.concatenate(parts)
