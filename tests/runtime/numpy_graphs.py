"""A network small enough for numpy, with both of its halves in the open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime.engine import cell_masks
from camruntime.graphs import Edges, Forward, LayerOutput, Make, Occlusion
from camruntime.maps import FloatArray, Upsampling


@dataclass
class NumpyGraphs:
    """A network in numpy. Head: 2x2 block means, then a 1x1 convolution. Tail: GAP, then linear.

    Attributes:
        mix: `(C, 3)` of the 1x1 convolution; a ReLU follows.
        weights: `(classes, C)` of the linear layer.
        bias: `(classes,)`.
        calls: number of images and masked copies that were computed.
        gradient_calls: number of batches of gradients.
        others: the same network, split at other layers.
    """

    mix: FloatArray
    weights: FloatArray
    bias: FloatArray
    calls: int = 0
    gradient_calls: int = 0
    others: tuple[NumpyGraphs, ...] = ()

    @property
    def cuts(self) -> tuple[NumpyGraphs, ...]:
        return (self, *self.others)

    def head(self, images: FloatArray) -> FloatArray:
        n, _, height, width = images.shape
        blocks = images.reshape(n, 3, height // 2, 2, width // 2, 2).mean((3, 5))
        mixed = np.einsum("kc,nchw->nkhw", self.mix, blocks)
        return np.asarray(np.maximum(mixed, 0), np.float32)

    def tail(self, activations: FloatArray) -> FloatArray:
        pooled = activations.mean((2, 3))
        return np.asarray(pooled @ self.weights.T + self.bias, np.float32)

    def forward(self, image: FloatArray) -> Forward:
        activations = self.head(image)
        return Forward(image, activations, self.tail(activations)[0])

    def forwards(self, images: FloatArray) -> list[Forward]:
        self.calls += len(images)
        return [self.forward(image[None]) for image in images]

    def forwards_with_cells(self, images: FloatArray) -> list[Forward]:
        return self.forwards(images)

    def shared(self, passes: Sequence[Forward], targets: Sequence[Sequence[int]]) -> NumpyGraphs:
        return self

    def told(self, done: int, every: int) -> None:
        pass

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        self.calls += len(masks)
        return self.tail(self.head(image * upsampling(masks)[:, None]))

    def logits_of_masked_activations(self, layer: LayerOutput, masks: FloatArray) -> FloatArray:
        self.calls += len(masks)
        return self.tail(layer.activations * masks[:, None])

    def logits_of_single_cells(self, forward: Forward) -> FloatArray:
        height, width = forward.activations.shape[2:]
        return self.logits_of_masked_activations(forward.layer, cell_masks((height, width)))

    def logits_of_occluded_images(
        self, occlusion: Occlusion, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        shown = upsampling(masks)[:, None]
        occluded = np.maximum(occlusion.image * shown, occlusion.blurred * (1 - shown))
        return self.logits(occluded - occlusion.offset)

    def logits(self, images: FloatArray) -> FloatArray:
        self.calls += len(images)
        return self.tail(self.head(images))

    def logits_of_made_images(self, count: int, make: Make) -> FloatArray:
        return self.logits(make(np.arange(count)))

    def logits_of_ablated_channels(
        self, layer: LayerOutput, channels: NDArray[np.int64]
    ) -> FloatArray:
        self.calls += len(channels)
        kept = 1 - np.eye(layer.activations.shape[1], dtype=np.float32)[channels]
        return self.tail(layer.activations * kept[:, :, None, None])

    def logits_of_layer(self, layer: LayerOutput) -> FloatArray:
        return self.tail(layer.activations)

    def layer(self, images: FloatArray) -> LayerOutput:
        self.calls += len(images)
        return LayerOutput(self.head(images))

    def gradients(self, layer: LayerOutput, targets: Sequence[int]) -> FloatArray:
        self.gradient_calls += 1
        cells = layer.activations.shape[2] * layer.activations.shape[3]
        rows = self.weights[list(targets)][..., None, None] / np.float32(cells)
        shape = (len(targets), *layer.activations.shape[1:])
        return np.broadcast_to(rows, shape).astype(np.float32)

    def edges(self, pixels: FloatArray, source: str) -> Edges:
        return Edges(pixels[0, 0], "red")
