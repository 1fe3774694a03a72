"""What a saliency method may ask of a network.

A protocol and not a base class: the engine implements it with ONNX Runtime, the parity tests with
PyTorch modules, and the same method code runs on both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from camruntime.bundle import Answer
from camruntime.maps import FloatArray, Upsampling

_USUAL = Answer()


@dataclass(frozen=True)
class Normalisation:
    """How pixels in [0, 1] become a network's input: `(value - mean) / std`, by channel.

    Attributes:
        mean, std: one for each channel of the network, in its order.
        shown: which of them are drawn as red, green and blue.
    """

    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    shown: tuple[int, int, int] = (0, 1, 2)

    def image(self, pixels: FloatArray) -> FloatArray:
        """Pixels in the network's channels -> normalised; both float32 `(n, C, H, W)`."""
        mean, std = self.columns()
        return (pixels - mean) / std

    def pixels(self, image: FloatArray) -> FloatArray:
        """The inverse, clipped to [0, 1]."""
        mean, std = self.columns()
        return np.asarray(np.clip(image * std + mean, 0, 1), np.float32)

    def drawn(self, image: FloatArray) -> FloatArray:
        """Normalised `(n, C, H, W)` -> what people are shown: RGB `(n, 3, H, W)` in [0, 1]."""
        pixels = self.pixels(image)
        if self.shown == tuple(range(pixels.shape[1])):
            return pixels
        return np.ascontiguousarray(pixels[:, list(self.shown)])

    def columns(self) -> tuple[FloatArray, FloatArray]:
        """Mean and std, float32 `(1, C, 1, 1)`."""
        mean, std = (
            np.asarray(each, np.float32).reshape(1, -1, 1, 1) for each in (self.mean, self.std)
        )
        return mean, std


@dataclass(frozen=True)
class LayerOutput:
    """What the target layer puts out for n images.

    Attributes:
        activations: float32 `(n, C, h, w)`.
        tokens: float32 `(n, tokens, C)`, those of a transformer that belong to no cell, such as its
            class token; None where there are none.
    """

    activations: FloatArray
    tokens: FloatArray | None = None

    @classmethod
    def joined(cls, parts: Sequence[LayerOutput]) -> LayerOutput:
        """Those of several images, one after the other."""
        tokens = [part.tokens for part in parts if part.tokens is not None]
        activations = np.concatenate([part.activations for part in parts])
        return cls(activations, np.concatenate(tokens) if tokens else None)

    def rows(self, wanted: Sequence[int] | NDArray[np.integer]) -> LayerOutput:
        """Those of these images, in this order; an image may come twice."""
        index = np.asarray(wanted)
        return LayerOutput(
            self.activations[index], None if self.tokens is None else self.tokens[index]
        )


@dataclass(frozen=True)
class Forward:
    """What one plain forward pass showed.

    Attributes:
        image: float32 `(1, channels, H, W)`, normalised.
        activations: float32 `(1, C, h, w)` of the target layer.
        logits: float32 `(classes,)`.
        normalisation: how `image` was made from pixels.
        tokens: float32 `(1, tokens, C)`, see `LayerOutput`.
        single_cells: float32 `(h * w, classes)`, what `Graphs.logits_of_single_cells` answers,
            where it came with the pass.
        answer: what the logits mean.
        contrasts: how many of the logits, the last ones, are no classes but contrasts of classes
            (`camruntime.explaining.contrasting`): each by itself, the sigmoid its probability.
    """

    image: FloatArray
    activations: FloatArray
    logits: FloatArray
    normalisation: Normalisation = Normalisation()
    tokens: FloatArray | None = None
    single_cells: FloatArray | None = None
    answer: Answer = _USUAL
    contrasts: int = 0

    def probabilities(self, logits: FloatArray | None = None) -> FloatArray:
        """The classes' probabilities, of this pass, or of other `logits` `(..., classes)`."""
        own, contrasts = self._parted(logits)
        found = class_probabilities(own, self.answer)
        return found if contrasts is None else np.concatenate([found, sigmoid(contrasts)], -1)

    def probabilities_of(self, targets: Sequence[int], logits: FloatArray) -> FloatArray:
        """`probabilities(logits)[..., targets]`, without dividing for all other classes.

        A target's are the same bits whichever others, or contrasts, are asked for with it.
        """
        own, contrasts = self._parted(logits)
        if self.answer.probabilities != "softmax":
            return self.probabilities(logits)[..., list(targets)]
        if contrasts is None:
            return softmax(own, targets)
        count = own.shape[-1]
        classes = softmax(own, [one if one < count else 0 for one in targets])
        others = sigmoid(contrasts[..., [max(0, one - count) for one in targets]])
        return np.where([one < count for one in targets], classes, others)

    def present(self) -> list[int]:
        """Indices of the classes that are there, the strongest first.

        The top class; where classes are by themselves, all from the threshold on.
        """
        if self.answer.probabilities != "sigmoid":
            return [int(self.logits.argmax())]
        found = self.probabilities()
        order = np.argsort(-found, kind="stable")
        return [int(one) for one in order if found[one] >= self.answer.threshold]

    def scores(self, logits: FloatArray | None = None) -> FloatArray:
        """What is explained of each class, see `class_scores`."""
        own, contrasts = self._parted(logits)
        found = class_scores(own, self.answer)
        return found if contrasts is None else np.concatenate([found, contrasts], -1)

    def _parted(self, logits: FloatArray | None) -> tuple[FloatArray, FloatArray | None]:
        """Those of classes, and those of contrasts where there are any."""
        every = self.logits if logits is None else logits
        if not self.contrasts:
            return every, None
        return every[..., : -self.contrasts], every[..., -self.contrasts :]

    @property
    def layer(self) -> LayerOutput:
        """Grid and tokens of the one image."""
        return LayerOutput(self.activations, self.tokens)


class Edges(NamedTuple):
    """An edge map, float32 `(H, W)` in [0, 1], and the name of what drew it."""

    map: FloatArray
    name: str


@dataclass(frozen=True)
class Occlusion:
    """An image that is sharp where a mask is 1: `max(image * U(m), blurred * (1 - U(m))) - offset`.

    Attributes:
        image, blurred: float32 `(1, channels, H, W)`, where the maximum is taken.
        offset: float32 `(1, channels, 1, 1)`, what is left to normalise afterwards.
    """

    image: FloatArray
    blurred: FloatArray
    offset: FloatArray


Make = Callable[[NDArray[np.int64]], FloatArray]
"""Makes images `(rows, channels, H, W)` for these of its rows: the same ones whenever it is asked,
and whichever others it is asked for with them."""


class Graphs(Protocol):
    """A network split at its target layer, and the perturbations of its two halves."""

    @property
    def cuts(self) -> Sequence[Graphs]:
        """The network split at each layer that its bundle was built for, this one the first.

        Of a network with one layer, and of the others here, that is itself alone.
        """
        ...

    def forward(self, image: FloatArray) -> Forward:
        """One plain pass over `image` `(1, channels, H, W)`."""
        ...

    def forwards(self, images: FloatArray) -> list[Forward]:
        """Plain passes over `images` `(n, channels, H, W)`; their logits may hold NaN."""
        ...

    def forwards_with_cells(self, images: FloatArray) -> list[Forward]:
        """The same, with `single_cells` where they can come with the pass."""
        ...

    def shared(self, passes: Sequence[Forward], targets: Sequence[Sequence[int]]) -> Graphs:
        """For a method that explains each pass's own targets, one pass after the other.

        What it asks about one pass's layer may be computed for several at once, and tells no
        progress of its own: see `told`.

        Raises:
            NonFiniteError: logits of a pass hold NaN or infinity.
        """
        ...

    def told(self, done: int, every: int) -> None:
        """Tell whoever waits that so many of `every` images are explained."""
        ...

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """Logits `(n, classes)` of `image * U(mask)` for each of `masks` `(n, h, w)`.

        A mask of 0 leaves the normalised image's zero, which is the mean colour.
        """
        ...

    def logits_of_masked_activations(self, layer: LayerOutput, masks: FloatArray) -> FloatArray:
        """Logits `(n, classes)` of one image's activations times each of `masks` `(n, h, w)`.

        Tokens stay as they are.
        """
        ...

    def logits_of_single_cells(self, forward: Forward) -> FloatArray:
        """Logits `(h * w, classes)` of an image's grid when all but one cell are zeroed.

        Row `y * w + x` is that of cell `(y, x)`. Tokens stay as they are.
        """
        ...

    def logits_of_occluded_images(
        self, occlusion: Occlusion, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """Logits `(n, classes)` of the occluded image for each of `masks` `(n, h, w)`."""
        ...

    def logits(self, images: FloatArray) -> FloatArray:
        """Logits `(n, classes)` of `images` `(n, channels, H, W)`."""
        ...

    def logits_of_made_images(self, count: int, make: Make) -> FloatArray:
        """Logits `(count, classes)` of images that `make` makes a chunk at a time.

        For images that are too many to be held at once.
        """
        ...

    def logits_of_ablated_channels(
        self, layer: LayerOutput, channels: NDArray[np.int64]
    ) -> FloatArray:
        """Logits `(len(channels), classes)` of one image's grid with channel `channels[i]` zeroed.

        Tokens stay as they are.
        """
        ...

    def logits_of_layer(self, layer: LayerOutput) -> FloatArray:
        """Logits `(n, classes)` of the target layer's output for n images."""
        ...

    def layer(self, images: FloatArray) -> LayerOutput:
        """What the target layer puts out for `images` `(n, channels, H, W)`."""
        ...

    def gradients(self, layer: LayerOutput, targets: Sequence[int]) -> FloatArray:
        """`d logit / d activations` `(targets, C, h, w)`: row i by its own target `targets[i]`.

        `layer` is of as many images as there are targets, or of one for all targets.
        """
        ...

    def edges(self, pixels: FloatArray, source: str) -> Edges:
        """The picture's edges.

        Args:
            pixels: float32 RGB `(1, 3, H, W)` in [0, 1].
            source: `auto` (the bundle's edge model, else Scharr), `scharr`, or the path of an edge
                model (`camruntime.edge_model`).

        Raises:
            EdgeModelError: there is no such edge model, or it does not answer with edges.
        """
        ...


def class_probabilities(logits: FloatArray, answer: Answer) -> FloatArray:
    """Probabilities `(..., classes)` of logits, float32, as `answer` says that they become them."""
    if answer.probabilities == "none":
        return logits
    return softmax(logits) if answer.probabilities == "softmax" else sigmoid(logits)


def class_scores(logits: FloatArray, answer: Answer) -> FloatArray:
    """What is explained of each class `(..., classes)`: its logit.

    Where the network has one logit, a class's lead over the other, [-z, z]: of [0, z] itself the
    first would be the same for every picture, and its map flat.
    """
    return logits - logits[..., ::-1] if answer.one_logit else logits


def sigmoid(logits: FloatArray) -> FloatArray:
    """Each class by itself, float32, computed in float64; safe from overflow."""
    small = np.exp(-np.abs(logits, dtype=np.float64))
    return np.asarray(np.where(logits >= 0, 1, small) / (1 + small), np.float32)


def softmax(logits: FloatArray, targets: Sequence[int] | None = None) -> FloatArray:
    """Probabilities over the last axis, float32; of `targets` alone, or of all. No overflow.

    Computed in float64: single cells of an unsure network differ by a thousandth of a probability,
    and a map of that has to show more than float32's rounding. The classes that are summed up may
    each be rounded, as that is a part of the sum: relatively 1e-7, as much as the answer's own.
    """
    if targets is not None:
        return _softmax_of(logits, list(targets))
    shares = np.subtract(logits, logits.max(-1, keepdims=True), dtype=np.float64)
    np.exp(shares, out=shares)  # in place: Recipro-CAM has a row of every class for each cell
    shares /= shares.sum(-1, keepdims=True)
    return np.asarray(shares, np.float32)


def _softmax_of(logits: FloatArray, targets: list[int]) -> FloatArray:
    top = logits.max(-1, keepdims=True)
    shares = logits - top
    sums = np.exp(shares, out=shares).sum(-1, keepdims=True, dtype=np.float64)
    own = np.exp(np.subtract(logits[..., targets], top, dtype=np.float64))
    return np.asarray(own / sums, np.float32)
