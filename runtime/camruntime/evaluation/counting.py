"""A network that counts what it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from camruntime.graphs import Activations, Edges, Forward, Graphs, Occlusion
from camruntime.interpolation import Upsampling
from camruntime.rescale import FloatArray


@dataclass
class CountingGraphs:
    """`Graphs` that passes everything on.

    Attributes:
        graphs: who computes.
        passes: pictures that went through the network, and gradients; copies of activations, which
            go through the tail alone, are not counted.
    """

    graphs: Graphs
    passes: int = 0

    def forward(self, image: FloatArray) -> Forward:
        """See `Graphs`."""
        self.passes += 1
        return self.graphs.forward(image)

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """See `Graphs`."""
        self.passes += len(masks)
        return self.graphs.logits_of_masked_images(image, masks, upsampling)

    def logits_of_masked_activations(
        self, activations: Activations, masks: FloatArray
    ) -> FloatArray:
        """See `Graphs`."""
        return self.graphs.logits_of_masked_activations(activations, masks)

    def logits_of_single_cells(self, forward: Forward) -> FloatArray:
        """See `Graphs`."""
        return self.graphs.logits_of_single_cells(forward)

    def logits_of_occluded_images(
        self, occlusion: Occlusion, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """See `Graphs`."""
        self.passes += len(masks)
        return self.graphs.logits_of_occluded_images(occlusion, masks, upsampling)

    def logits(self, images: FloatArray) -> FloatArray:
        """See `Graphs`."""
        self.passes += len(images)
        return self.graphs.logits(images)

    def activations(self, images: FloatArray) -> Activations:
        """See `Graphs`."""
        self.passes += len(images)
        return self.graphs.activations(images)

    def gradients(self, activations: Activations, targets: Sequence[int]) -> FloatArray:
        """See `Graphs`."""
        self.passes += len(targets)
        return self.graphs.gradients(activations, targets)

    def edges(self, pixels: FloatArray, source: str) -> Edges:
        """See `Graphs`."""
        return self.graphs.edges(pixels, source)
