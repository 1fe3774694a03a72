"""Each kind of question, asked for a moment: seconds and memory, by how many copies."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import ClassVar

import numpy as np

from camruntime.budget.memory import growth_of, is_measurable
from camruntime.budget.rehearsal import of_layer
from camruntime.engine import ACTIVATIONS, GRADIENTS, IMAGES, OnnxGraphs
from camruntime.explaining import Photograph, Wanted, explain_batch
from camruntime.graphs import Forward, Graphs, LayerOutput, Occlusion
from camruntime.maps import FloatArray, Maps, bilinear

PASS, PASS_WITH_CELLS = "pass", "pass with cells"
_TIMES = 5
_WORK = {
    "logits_of_masked_activations": ACTIVATIONS,
    "logits_of_layer": ACTIVATIONS,
    "logits_of_ablated_channels": ACTIVATIONS,
    "gradients": GRADIENTS,
}
_log = logging.getLogger("camruntime")


@dataclass(frozen=True)
class Curve:
    """What a kind of question takes.

    Attributes:
        chunk: rows that are computed at once.
        one, whole: seconds for a single row, and for a whole chunk.
        row: bytes of memory for each row that is computed at once; None where nobody can tell.
    """

    chunk: int
    one: float
    whole: float
    row: float | None

    def seconds(self, rows: int, chunk: int | None) -> float:
        """Of so many rows, in chunks; None takes the usual ones."""
        size = self._size(chunk)
        full, rest = divmod(rows, size)
        return full * self._at_once(size) + (self._at_once(rest) if rest else 0.0)

    def longest(self, rows: int, chunk: int | None) -> float:
        """Of the largest chunk among them."""
        return self._at_once(min(rows, self._size(chunk)))

    def bytes(self, rows: int, chunk: int | None) -> float | None:
        """What they take at once."""
        return None if self.row is None else self.row * min(rows, self._size(chunk))

    def _size(self, chunk: int | None) -> int:
        return self.chunk if chunk is None else min(chunk, self.chunk)

    def _at_once(self, rows: int) -> float:
        if self.chunk == 1:
            return self.one
        return self.one + (self.whole - self.one) * (rows - 1) / (self.chunk - 1)


@dataclass(frozen=True)
class _Nothing:
    """A method that computes nothing: what its explanation takes, each other one takes, too."""

    prefers: frozenset[str]

    needs: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        return Maps(np.zeros((len(targets), *forward.activations.shape[2:]), np.float32))


def measure(graphs: OnnxGraphs, kinds: Iterable[str]) -> dict[str, Curve]:
    """A curve for each kind; all their sessions are open afterwards.

    Raises:
        CamError: as of the graphs.
    """
    curves = {kind: _curve(graphs, kind) for kind in kinds}
    for kind in curves:
        _asking(graphs, kind)(1)
    return curves


def _curve(graphs: OnnxGraphs, kind: str) -> Curve:
    chunk = graphs.at_once(_WORK.get(of_layer(kind)[0], IMAGES)) if _is_in_chunks(kind) else 1
    row = _bytes_of_a_row(graphs, kind, max(2, chunk)) if _is_in_chunks(kind) else 0.0
    ask = _asking(graphs, kind, chunk)
    curve = Curve(
        chunk=chunk,
        one=_seconds(partial(ask, 1)),
        whole=_seconds(partial(ask, chunk)) if chunk > 1 else 0.0,
        row=row,
    )
    _log.info(
        "measured %s: %.1f ms, of %d %.1f ms", kind, 1e3 * curve.one, chunk, 1e3 * curve.whole
    )
    return curve


def _bytes_of_a_row(graphs: OnnxGraphs, kind: str, rows: int) -> float | None:
    """By how much more memory `rows` at once take than one; None where nobody can tell."""
    if not is_measurable(graphs.engine.backend.kind):
        return None
    graphs.engine.close()  # memory that was taken once is never given back, nor taken again
    ask = _asking(replace(graphs, chunk=rows), kind, rows)
    ask(1)
    return growth_of(partial(ask, rows)) / (rows - 1)


def _seconds(ask: Callable[[], object]) -> float:
    ask()
    taken = []
    for _ in range(_TIMES):
        begin = perf_counter()
        ask()
        taken.append(perf_counter() - begin)
    return min(taken)  # the least disturbed: how busy the machine is, `Pace` finds out


def _is_in_chunks(kind: str) -> bool:
    return not of_layer(kind)[0].startswith(("edges:", PASS, "forward", "logits_of_single_cells"))


def _asking(graphs: OnnxGraphs, kind: str, most: int = 1) -> Callable[[int], object]:
    """Asks a question of this kind about so many rows of noise, at `most` so many."""
    kind, cut = of_layer(kind)
    manifest, graphs = graphs.engine.bundle.manifest.at(cut), graphs.cuts[cut]
    spec, layer, noise = manifest.input, manifest.layer, np.random.default_rng(0)

    def some(*shape: int) -> FloatArray:
        return noise.random(shape, np.float32)

    image = some(1, spec.channels, *spec.size)
    if kind.startswith("edges:"):
        colours = some(1, 3, *spec.size)
        return lambda _: graphs.edges(colours, kind.partition(":")[2])
    if kind in (PASS, PASS_WITH_CELLS):
        cells = frozenset({"cells"} if kind == PASS_WITH_CELLS else ())
        nothing = np.zeros((*spec.size, 3), np.uint8)
        photograph = Photograph(nothing, image, Wanted(((),)), graphs.engine)
        return lambda _: list(explain_batch(graphs, [photograph], [_Nothing(cells)]))
    if kind == "forward":
        return lambda _: graphs.forward(image)
    if kind == "logits_of_single_cells":
        plain = graphs.forward(image)
        return lambda _: graphs.logits_of_single_cells(plain)
    if kind in ("logits", "layer"):
        images = some(most, *image.shape[1:])
        return lambda rows: getattr(graphs, kind)(images[:rows])
    masks, upsampling = some(most, *layer.spatial), bilinear(layer.spatial, spec.size)
    if kind == "logits_of_masked_images":
        return lambda rows: graphs.logits_of_masked_images(image, masks[:rows], upsampling)
    if kind == "logits_of_occluded_images":
        offset = np.zeros((1, spec.channels, 1, 1), np.float32)
        occlusion = Occlusion(image, image, offset)
        return lambda rows: graphs.logits_of_occluded_images(occlusion, masks[:rows], upsampling)
    tokens = some(most, layer.tokens, layer.shape[0]) if layer.tokens else None
    outputs = LayerOutput(some(most, *layer.shape), tokens)
    if kind == "logits_of_masked_activations":
        one = outputs.rows([0])
        return lambda rows: graphs.logits_of_masked_activations(one, masks[:rows])
    if kind == "logits_of_ablated_channels":
        one, channels = outputs.rows([0]), np.zeros(most, np.int64)
        return lambda rows: graphs.logits_of_ablated_channels(one, channels[:rows])
    if kind == "gradients":
        return lambda rows: graphs.gradients(outputs.rows(range(rows)), [0] * rows)
    return lambda rows: graphs.logits_of_layer(outputs.rows(range(rows)))
