"""One class rather than another, and none of a class at all: as classes behind the network's own.

A missed defect is explained as "good", by what looks good in the picture. Asked for the defect
rather than the good part, the same network shows where it saw it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from camruntime.graphs import Edges, Forward, Graphs, LayerOutput, Make, Occlusion
from camruntime.maps import FloatArray, Upsampling

_NEGLIGIBLE = 1e-7
"""A class's share of a log-odds below which its gradient is left out: float32's rounding."""


@dataclass(frozen=True)
class Versus:
    """A contrast of classes, by index: `log sum_a exp(y_a) - y_b`, `y` being logits.

    With one class `a` it is the difference of two logits; with all but `b` the log-odds of "not b"
    of a network whose classes exclude each other; with none that of a class that stands by itself.

    Attributes:
        classes: `a`.
        against: `b`.
    """

    classes: tuple[int, ...]
    against: int

    def score(self, logits: FloatArray) -> FloatArray:
        """Of logits `(..., classes)`: `(...)`, float32."""
        against = logits[..., self.against]
        if not self.classes:
            return np.asarray(-against, np.float32)
        those = logits[..., list(self.classes)]
        if len(self.classes) == 1:
            return np.asarray(those[..., 0] - against, np.float32)
        top = those.max(-1, keepdims=True)
        summed = np.log(np.exp(np.subtract(those, top, dtype=np.float64)).sum(-1))
        return np.asarray(summed + (top[..., 0] - against), np.float32)

    def slopes(self, logits: FloatArray) -> NDArray[np.float64]:
        """`d score / d logits` at logits `(n, classes)`, of the same shape."""
        found = np.zeros(logits.shape)
        if self.classes:
            those = np.asarray(logits[:, list(self.classes)], np.float64)
            shares = np.exp(those - those.max(1, keepdims=True))
            shares /= shares.sum(1, keepdims=True)
            found[:, list(self.classes)] = np.where(shares < _NEGLIGIBLE, 0, shares)
        found[:, self.against] -= 1
        return found


Asked: TypeAlias = "int | Versus"
"""A class by index, or a contrast: what is explained."""


def with_contrasts(
    graphs: Graphs, forward: Forward, targets: Sequence[Asked]
) -> tuple[Graphs, Forward, list[int]]:
    """Graphs and pass as a method takes them, and the columns of their logits that are asked for.

    Each contrast is a column behind the network's own.
    """
    contrasts = tuple(dict.fromkeys(one for one in targets if isinstance(one, Versus)))
    classes = len(forward.logits)
    at = [
        classes + contrasts.index(one) if isinstance(one, Versus) else int(one) for one in targets
    ]
    if not contrasts:
        return graphs, forward, at
    wider = ContrastGraphs(graphs, contrasts)
    return wider, wider.widened(forward), at


def gradient_classes(targets: Sequence[Asked], logits: FloatArray) -> list[int]:
    """Which classes' gradients are taken for these targets, at logits `(classes,)`."""
    usual = not any(isinstance(one, Versus) for one in targets)
    if usual or not np.isfinite(logits).all():  # such a pass is refused before it is explained
        return [one.against if isinstance(one, Versus) else int(one) for one in targets]
    slopes = _slopes(targets, np.repeat(logits[None], len(targets), axis=0))
    return np.flatnonzero(slopes.any(0)).tolist()


@dataclass(frozen=True)
class ContrastGraphs:
    """A network whose contrasts are classes, too.

    Attributes:
        graphs: the network.
        contrasts: in the order of their columns.
    """

    graphs: Graphs
    contrasts: tuple[Versus, ...]

    @property
    def cuts(self) -> tuple[ContrastGraphs, ...]:
        """The network's, each with the contrasts' columns."""
        return tuple(ContrastGraphs(one, self.contrasts) for one in self.graphs.cuts)

    def widened(self, forward: Forward) -> Forward:
        """A pass of the network, with the contrasts' columns."""
        cells = forward.single_cells
        return replace(
            forward,
            logits=self._wider(forward.logits),
            single_cells=None if cells is None else self._wider(cells),
            contrasts=len(self.contrasts),
        )

    def forward(self, image: FloatArray) -> Forward:
        """See `Graphs`, as all others here."""
        return self.widened(self.graphs.forward(image))

    def forwards(self, images: FloatArray) -> list[Forward]:
        """With the contrasts' columns."""
        return [self.widened(one) for one in self.graphs.forwards(images)]

    def forwards_with_cells(self, images: FloatArray) -> list[Forward]:
        """With the contrasts' columns."""
        return [self.widened(one) for one in self.graphs.forwards_with_cells(images)]

    def shared(self, passes: Sequence[Forward], targets: Sequence[Sequence[int]]) -> Graphs:
        """See `Graphs`: it is asked for the gradients of the classes that contrasts are made of."""
        logits = [one.logits[: -len(self.contrasts)] for one in passes]
        classes = [
            gradient_classes(self._asked(wanted, len(own)), own)
            for wanted, own in zip(targets, logits, strict=True)
        ]
        return replace(self, graphs=self.graphs.shared(passes, classes))

    def told(self, done: int, every: int) -> None:
        """The network's."""
        self.graphs.told(done, every)

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """With the contrasts' columns."""
        return self._wider(self.graphs.logits_of_masked_images(image, masks, upsampling))

    def logits_of_masked_activations(self, layer: LayerOutput, masks: FloatArray) -> FloatArray:
        """With the contrasts' columns."""
        return self._wider(self.graphs.logits_of_masked_activations(layer, masks))

    def logits_of_single_cells(self, forward: Forward) -> FloatArray:
        """With the contrasts' columns; of a pass that is `widened`."""
        if forward.single_cells is not None:
            return forward.single_cells
        return self._wider(self.graphs.logits_of_single_cells(forward))

    def logits_of_occluded_images(
        self, occlusion: Occlusion, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """With the contrasts' columns."""
        return self._wider(self.graphs.logits_of_occluded_images(occlusion, masks, upsampling))

    def logits(self, images: FloatArray) -> FloatArray:
        """With the contrasts' columns."""
        return self._wider(self.graphs.logits(images))

    def logits_of_made_images(self, count: int, make: Make) -> FloatArray:
        """With the contrasts' columns."""
        return self._wider(self.graphs.logits_of_made_images(count, make))

    def logits_of_ablated_channels(
        self, layer: LayerOutput, channels: NDArray[np.int64]
    ) -> FloatArray:
        """With the contrasts' columns."""
        return self._wider(self.graphs.logits_of_ablated_channels(layer, channels))

    def logits_of_layer(self, layer: LayerOutput) -> FloatArray:
        """With the contrasts' columns."""
        return self._wider(self.graphs.logits_of_layer(layer))

    def layer(self, images: FloatArray) -> LayerOutput:
        """The network's."""
        return self.graphs.layer(images)

    def edges(self, pixels: FloatArray, source: str) -> Edges:
        """The network's."""
        return self.graphs.edges(pixels, source)

    def gradients(self, layer: LayerOutput, targets: Sequence[int]) -> FloatArray:
        """By the chain rule, from the gradients of the classes: of each image's once."""
        logits = self.graphs.logits_of_layer(layer)
        images = np.arange(len(targets)) % len(logits)
        asked = self._asked(targets, logits.shape[1])
        slopes = _slopes(asked, logits[images])
        needed = np.zeros(logits.shape, bool)
        np.logical_or.at(needed, images, slopes != 0)
        rows, columns = np.nonzero(needed)
        those = layer if len(logits) == 1 else layer.rows(rows)
        found = self.graphs.gradients(those, columns.tolist())
        place = np.full(needed.shape, -1)
        place[rows, columns] = np.arange(len(rows))
        return np.stack(
            [
                _combined(found, place[image], slope)
                for image, slope in zip(images, slopes, strict=True)
            ]
        )

    def _asked(self, targets: Sequence[int], classes: int) -> list[Asked]:
        """What columns of logits stand for, of a network of so many classes."""
        return [self.contrasts[one - classes] if one >= classes else int(one) for one in targets]

    def _wider(self, logits: FloatArray) -> FloatArray:
        scores = [one.score(logits)[..., None] for one in self.contrasts]
        return np.concatenate([logits, *scores], axis=-1)


def _slopes(targets: Sequence[Asked], logits: FloatArray) -> NDArray[np.float64]:
    """`d target / d logits` `(targets, classes)`, each target at its row of logits."""
    rows = []
    for target, row in zip(targets, logits, strict=True):
        if isinstance(target, Versus):
            rows.append(target.slopes(row[None])[0])
        else:
            rows.append(np.eye(len(row))[target])
    return np.stack(rows)


def _combined(
    gradients: FloatArray, place: NDArray[np.intp], slopes: NDArray[np.float64]
) -> FloatArray:
    used = np.flatnonzero(slopes)
    terms = slopes[used].astype(np.float32)
    return np.asarray(np.tensordot(terms, gradients[place[used]], axes=1), np.float32)
