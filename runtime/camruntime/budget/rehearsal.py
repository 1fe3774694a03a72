"""A method, rehearsed: what it will ask the network, and what it computes itself.

The answers are noise of the right shapes, so a rehearsal of Score-CAM takes milliseconds where its
512 passes take seconds. All channels of the noise are alive: no picture makes it ask for more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from camruntime._text import last_line
from camruntime.bundle import Manifest
from camruntime.errors import CamError, MethodError
from camruntime.explaining import Asked, with_contrasts
from camruntime.graphs import Edges, Forward, LayerOutput, Make, Normalisation, Occlusion
from camruntime.maps import FloatArray, Upsampling
from camruntime.methods import Method, run_method

T = TypeVar("T")

_MADE = 8
"""Images that are made of those that a method makes by thousands."""


class Question(NamedTuple):
    """Something that a network is asked.

    Attributes:
        kind: a method of `Graphs`; of an edge map, with its source behind a colon; of a later
            layer of several with its number before it, see `at_layer`.
        rows: how many copies, images or gradients.
    """

    kind: str
    rows: int


def at_layer(kind: str, cut: int) -> str:
    """A kind of question, asked of the graphs of the layer with this index: `2/gradients`."""
    return f"{cut + 1}/{kind}" if cut else kind


def of_layer(kind: str) -> tuple[str, int]:
    """What `at_layer` was given."""
    number, _, own = kind.partition("/")
    return (own, int(number) - 1) if number.isdecimal() else (kind, 0)


class Rehearsed(NamedTuple):
    """What a method asks, in order, and the seconds that it computes itself."""

    questions: tuple[Question, ...]
    seconds: float


def rehearse(method: Method, manifest: Manifest, asked: Sequence[Asked], cells: bool) -> Rehearsed:
    """Run a method on answers that are noise.

    Args:
        method: of camruntime, or of somebody's own.
        manifest: of the network.
        asked: the classes and contrasts that are explained; of none a method is asked nothing.
        cells: whether single cells come with the pass.

    Raises:
        MethodError: it cannot explain the network, or cannot be rehearsed.
    """
    if not asked:
        return Rehearsed((), 0.0)
    found = _rehearse(method, manifest, asked, cells)  # first: imports, and plans that are kept
    again = _rehearse(method, manifest, asked, cells)
    return min(found, again, key=lambda one: one.seconds)


def _rehearse(method: Method, manifest: Manifest, asked: Sequence[Asked], cells: bool) -> Rehearsed:
    heard = _Heard()
    graphs = _Noise(manifest, heard)
    forward = graphs.plain(cells and "cells" in manifest.graphs)
    wider = with_contrasts(graphs, forward, asked)
    begin = perf_counter()
    try:
        run_method(method, *wider)
    except CamError:
        raise
    except Exception as error:  # somebody's own method may raise anything
        raise MethodError(
            f"{type(method).__name__} cannot be rehearsed on noise, so nobody knows what it costs: "
            f"{type(error).__name__}: {last_line(error)}; explain with it without a budget"
        ) from error
    own = perf_counter() - begin - heard.answering
    return Rehearsed(tuple(heard.asked), own + heard.unmade)


@dataclass
class _Heard:
    """What was asked, of whichever layer's graphs.

    Attributes:
        asked: the questions, in order.
        answering: seconds that the answers took.
        unmade: seconds that images would take which were not made.
    """

    asked: list[Question] = field(default_factory=list)
    answering: float = 0.0
    unmade: float = 0.0


class _Noise:
    """`Graphs` whose answers are noise, at the layer with index `cut`; tells `heard`."""

    def __init__(self, manifest: Manifest, heard: _Heard, cut: int = 0) -> None:
        self._whole, self._heard, self._cut = manifest, heard, cut
        self._manifest = manifest.at(cut)
        self._noise = np.random.default_rng(0)

    @property
    def cuts(self) -> Sequence[_Noise]:
        others = range(1, 1 if self._cut else len(self._whole.layers))
        return self, *(_Noise(self._whole, self._heard, cut) for cut in others)

    def plain(self, cells: bool) -> Forward:
        """A pass."""
        known, spec = self._manifest, self._manifest.input
        (_, height, width), count = known.layer.shape, known.classes
        return Forward(
            image=self._some(1, spec.channels, *spec.size),
            activations=np.abs(self._some(1, *known.layer.shape)),
            logits=self._some(count),
            normalisation=Normalisation(spec.mean, spec.std, spec.shown),
            tokens=self._layer(1).tokens,
            single_cells=self._some(height * width, count) if cells else None,
            answer=known.answer,
        )

    def forward(self, image: FloatArray) -> Forward:
        return self._answer("forward", 1, lambda: self.plain(cells=False))

    def forwards(self, images: FloatArray) -> list[Forward]:
        return self._passes(len(images), cells=False)

    def forwards_with_cells(self, images: FloatArray) -> list[Forward]:
        cells = "cells" in self._manifest.graphs
        if cells:
            each = Question(at_layer("logits_of_single_cells", self._cut), 1)
            self._heard.asked += [each] * len(images)
        return self._passes(len(images), cells)

    def shared(self, passes: Sequence[Forward], targets: Sequence[Sequence[int]]) -> _Noise:
        return self

    def told(self, done: int, every: int) -> None:
        """Nobody waits."""

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        return self._logits("logits_of_masked_images", len(masks))

    def logits_of_masked_activations(self, layer: LayerOutput, masks: FloatArray) -> FloatArray:
        return self._logits("logits_of_masked_activations", len(masks))

    def logits_of_single_cells(self, forward: Forward) -> FloatArray:
        if forward.single_cells is not None:
            return forward.single_cells
        height, width = self._manifest.layer.spatial
        kind = "logits_of_single_cells"
        return self._answer(kind, 1, lambda: self._some(height * width, self._manifest.classes))

    def logits_of_occluded_images(
        self, occlusion: Occlusion, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        return self._logits("logits_of_occluded_images", len(masks))

    def logits(self, images: FloatArray) -> FloatArray:
        return self._logits("logits", len(images))

    def logits_of_made_images(self, count: int, make: Make) -> FloatArray:
        """The first few are made, and how long that takes is taken to hold for the others."""
        few = np.arange(min(count, _MADE))
        begin = perf_counter()
        make(few)
        self._heard.unmade += (perf_counter() - begin) * (count - len(few)) / len(few)
        return self._logits("logits", count)

    def logits_of_ablated_channels(
        self, layer: LayerOutput, channels: NDArray[np.int64]
    ) -> FloatArray:
        return self._logits("logits_of_ablated_channels", len(channels))

    def logits_of_layer(self, layer: LayerOutput) -> FloatArray:
        return self._logits("logits_of_layer", len(layer.activations))

    def layer(self, images: FloatArray) -> LayerOutput:
        return self._answer("layer", len(images), lambda: self._layer(len(images)))

    def gradients(self, layer: LayerOutput, targets: Sequence[int]) -> FloatArray:
        """The same everywhere, as those of a network that pools: CAM refuses all others.

        All are positive, so that no group of channels is left out as one that says nothing.
        """
        rows, (channels, height, width) = len(targets), self._manifest.layer.shape
        one = np.linspace(0.1, 1, channels, dtype=np.float32)[:, None, None]
        return self._answer(
            "gradients", rows, lambda: np.tile(one, (rows, 1, height, width)).astype(np.float32)
        )

    def edges(self, pixels: FloatArray, source: str) -> Edges:
        def found() -> Edges:
            return Edges(np.abs(self._some(*pixels.shape[2:])), source)

        return self._answer(f"edges:{source}", 1, found)

    def _passes(self, count: int, cells: bool) -> list[Forward]:
        return self._answer("logits", count, lambda: [self.plain(cells) for _ in range(count)])

    def _layer(self, rows: int) -> LayerOutput:
        layer = self._manifest.layer
        tokens = self._some(rows, layer.tokens, layer.shape[0]) if layer.tokens else None
        return LayerOutput(np.abs(self._some(rows, *layer.shape)), tokens)

    def _logits(self, kind: str, rows: int) -> FloatArray:
        return self._answer(kind, rows, lambda: self._some(rows, self._manifest.classes))

    def _answer(self, kind: str, rows: int, make: Callable[[], T]) -> T:
        begin = perf_counter()
        self._heard.asked.append(Question(at_layer(kind, self._cut), rows))
        made = make()
        self._heard.answering += perf_counter() - begin
        return made

    def _some(self, *shape: int) -> FloatArray:
        return self._noise.standard_normal(shape, np.float32)
