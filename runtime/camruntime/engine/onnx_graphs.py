"""`Graphs` on ONNX Runtime: perturbations made on the device, in chunks."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from camruntime._named_files import require_own_files
from camruntime.bundle import at_cut
from camruntime.edge_model import EDGES, open_edge_model, scharr
from camruntime.engine.ablation import AblatedCopies
from camruntime.engine.cell_masks import cell_masks
from camruntime.engine.engine import Array, DeviceValue, Engine
from camruntime.engine.memory import Progress
from camruntime.engine.models import Model
from camruntime.errors import Cancelled, DeviceMemoryError, EdgeModelError, NonFiniteError
from camruntime.graphs import Edges, Forward, LayerOutput, Make, Normalisation, Occlusion
from camruntime.maps import FloatArray, Upsampling

T = TypeVar("T")
P = ParamSpec("P")
G = TypeVar("G", bound="OnnxGraphs")


class Cancel(Protocol):
    """Whether somebody wants what is computed no more: such as a `threading.Event`."""

    def is_set(self) -> bool:
        """True from then on."""
        ...


# Kinds of work, each with a memory of its own for what fits; in words for `SmallerChunkWarning`.
IMAGES, ACTIVATIONS, GRADIENTS = "copies of images", "copies of activations", "gradients"


def _in_turn(
    ask: Callable[Concatenate[G, P], T],
) -> Callable[Concatenate[G, P], T]:
    """A question that is answered as a whole in the engine's turn.

    What it puts on the device is used by this thread alone until it is answered, and freed in turn.
    """

    @wraps(ask)
    def asked(self: G, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.engine.turn:
            return ask(self, *args, **kwargs)

    return asked


@dataclass(frozen=True)
class OnnxGraphs:
    """Runs a bundle's graphs through `engine`.

    Attributes:
        engine: where sessions live.
        chunk: how many perturbed copies are computed at once; it never changes a result. None
            takes 64; for images on the CPU 4 for each thread, at most 16: more outgrow the caches,
            fewer pay too much for starting each run (`benchmarks/README.md`). Plain passes of many
            images take as many, never more. Where memory runs out it becomes fewer, see
            `ChunkSizes`.
        progress: told after every chunk.
        cancel: asked before every run of a graph, so at least once for each chunk.
        cut: index of the layer that the network is split at, of `Manifest.layers`.
    """

    engine: Engine
    chunk: int | None = None
    progress: Progress | None = None
    cancel: Cancel | None = None
    cut: int = 0

    @property
    def cuts(self) -> tuple[OnnxGraphs, ...]:
        """See `Graphs`. Sessions of the others open when they are asked something."""
        if self.cut:
            return (self,)
        others = range(1, len(self.engine.bundle.manifest.layers))
        known = self.engine, self.chunk, self.progress, self.cancel
        return (self, *(OnnxGraphs(*known, cut) for cut in others))

    def go_on(self) -> None:
        """Raise `Cancelled` where what is computed is no longer wanted."""
        if self.cancel is not None and self.cancel.is_set():
            raise Cancelled("cancelled: `cancel` was set before the explanation was done")

    def forward(self, image: FloatArray) -> Forward:
        """See `Graphs`. Raises `NonFiniteError` when the logits hold NaN or infinity."""
        return self.finite(self.forwards(image)[0])

    def forwards(self, images: FloatArray) -> list[Forward]:
        """Plain passes over `images` `(n, channels, H, W)`, all at once; logits may hold NaN."""
        return self._forwards(self._pass_by_halves, images)

    def forwards_with_cells(self, images: FloatArray) -> list[Forward]:
        """The same, and with `single_cells` where the bundle has the graph.

        Asked for later, they would take the weights behind the layer through the caches once more.
        """
        return self._forwards(self._pass_with_cells, images)

    @_in_turn
    def _forwards(
        self, run: Callable[[FloatArray], Mapping[str, DeviceValue]], images: FloatArray
    ) -> list[Forward]:
        parts = self.engine.chunks.map(
            IMAGES, lambda some: self._passes(run(some), some), images, len(images)
        )
        return [forward for part in parts for forward in part]

    def _pass_by_halves(self, images: FloatArray) -> dict[str, DeviceValue]:
        layer = self._head(images)
        return {**layer, "logits": self._run("tail", layer)[0]}

    def _pass_with_cells(self, images: FloatArray) -> dict[str, DeviceValue]:
        """The same; the last of each image's rows of logits is the tail's."""
        if not self._has_cells():
            return self._pass_by_halves(images)
        return self._named("head_cells", images)

    def _passes(self, values: Mapping[str, DeviceValue], images: FloatArray) -> list[Forward]:
        manifest = self.engine.bundle.manifest
        spec = manifest.input
        known = {name: value.numpy() for name, value in values.items()}
        answers = known["logits"].reshape(len(images), -1, manifest.classes)
        normalisation = Normalisation(spec.mean, spec.std, spec.shown)
        made = LayerOutput(known["activations"], known.get("tokens"))
        each = [made.rows([row]) for row in range(len(images))] if len(images) > 1 else [made]
        return [
            Forward(
                image=image[None],
                activations=one.activations,
                logits=rows[-1],
                normalisation=normalisation,
                tokens=one.tokens,
                single_cells=_cells_of(rows),
                answer=manifest.answer,
            )
            for image, one, rows in zip(images, each, answers, strict=True)
        ]

    def shared(self, passes: Sequence[Forward], targets: Sequence[Sequence[int]]) -> OnnxGraphs:
        """See `Graphs`. Each by itself here; `BatchGraphs` computes several at once."""
        for one in passes:
            self.finite(one)
        return replace(self, progress=None)

    def told(self, done: int, every: int) -> None:
        """See `Graphs`."""
        if self.progress is not None:
            self.progress(done, every)

    def finite(self, forward: Forward) -> Forward:
        """The same; raises `NonFiniteError` when the logits hold NaN or infinity."""
        if np.isfinite(forward.logits).all():
            return forward
        raise NonFiniteError(
            f"the network '{self.engine.bundle.manifest.model}' answered NaN or infinity to "
            "this image; check its weights with `camexport verify`"
        )

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """See `Graphs`."""
        fixed = {"image": image, "rows": upsampling.rows, "columns": upsampling.columns}
        return self._logits_of_perturbed("mask_images", fixed, masks)

    def logits_of_occluded_images(
        self, occlusion: Occlusion, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        """See `Graphs`."""
        fixed = {
            "image": occlusion.image,
            "blurred": occlusion.blurred,
            "offset": occlusion.offset,
            "rows": upsampling.rows,
            "columns": upsampling.columns,
        }
        return self._logits_of_perturbed("occlude_images", fixed, masks)

    @_in_turn
    def logits_of_masked_activations(self, layer: LayerOutput, masks: FloatArray) -> FloatArray:
        """See `Graphs`."""
        fixed, tokens = self.engine.upload(layer.activations), layer.tokens

        def logits(chunk: FloatArray) -> DeviceValue:
            (masked,) = self._run("mask_activations", {"activations": fixed, "masks": chunk})
            beside = {} if tokens is None else {"tokens": np.repeat(tokens, len(chunk), axis=0)}
            return self._run("tail", {**beside, "activations": masked})[0]

        return self._in_chunks(logits, masks, ACTIVATIONS)

    @_in_turn
    def logits_of_single_cells(self, forward: Forward) -> FloatArray:
        """See `Graphs`. In one pass where the bundle has the graph, else a masked copy per cell."""
        if forward.single_cells is not None:
            return forward.single_cells
        if not self._has_cells():
            height, width = forward.activations.shape[2:]
            return self.logits_of_masked_activations(forward.layer, cell_masks((height, width)))
        (logits,) = self._run("cells", {"activations": forward.activations})
        return logits.numpy()[:-1]

    def _has_cells(self) -> bool:
        return at_cut("cells", self.cut) in self.engine.bundle.manifest.graphs

    @_in_turn
    def logits(self, images: FloatArray) -> FloatArray:
        """See `Graphs`."""
        return self._in_chunks(
            lambda chunk: self._run("tail", self._head(chunk))[0], images, IMAGES
        )

    @_in_turn
    def logits_of_made_images(self, count: int, make: Make) -> FloatArray:
        """See `Graphs`."""
        return self._in_chunks(
            lambda rows: self._run("tail", self._head(make(rows)))[0], np.arange(count), IMAGES
        )

    @_in_turn
    def logits_of_ablated_channels(
        self, layer: LayerOutput, channels: NDArray[np.int64]
    ) -> FloatArray:
        """See `Graphs`."""
        copies = AblatedCopies(layer)

        def logits(chunk: Array) -> DeviceValue:
            with copies.without(chunk) as those:
                return self._run("tail", _inputs(those))[0]

        return self._in_chunks(logits, np.asarray(channels), ACTIVATIONS)

    @_in_turn
    def logits_of_layer(self, layer: LayerOutput) -> FloatArray:
        """See `Graphs`."""

        def logits(rows: Array) -> DeviceValue:
            return self._run("tail", _inputs(layer.rows(rows)))[0]

        return self._in_chunks(logits, np.arange(len(layer.activations)), ACTIVATIONS)

    @_in_turn
    def layer(self, images: FloatArray) -> LayerOutput:
        """See `Graphs`."""
        parts = self._chunks(
            lambda chunk: {name: value.numpy() for name, value in self._head(chunk).items()},
            images,
            IMAGES,
        )
        whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return LayerOutput(whole["activations"], whole.get("tokens"))

    @_in_turn
    def gradients(self, layer: LayerOutput, targets: Sequence[int]) -> FloatArray:
        """See `Graphs`."""
        wanted = np.asarray(targets, np.int64)

        def gradient(rows: Array) -> DeviceValue:
            those = layer.rows(rows % len(layer.activations))  # one image's serve all targets
            inputs = {**_inputs(those), "targets": wanted[rows]}
            return self._run("gradient", inputs)[0]

        return self._in_chunks(gradient, np.arange(len(wanted)), GRADIENTS)

    @_in_turn
    def edges(self, pixels: FloatArray, source: str) -> Edges:
        """See `Graphs`. Raises `EdgeModelError` when there is no edge model at a path."""
        own = self.engine.bundle.folder
        if source == "scharr" or (source == "auto" and not (own / EDGES).is_file()):
            return Edges(scharr(pixels), "Scharr (OpenCV)")
        signed = self.engine.bundle.signed
        path, model, graph = (
            open_edge_model(own, signed.files if signed else None)
            if source == "auto"
            else open_edge_model(source)
        )
        try:
            require_own_files(graph, ())
        except ValueError as error:
            raise EdgeModelError(f"{path} {error}: save the model as one file") from error
        inputs = {model.input: model.prepare(pixels)}
        try:
            self.go_on()
            digest = model.sha256 or hashlib.sha256(graph).hexdigest()
            other = Model(path.stem, graph)
            (found,) = self.engine.run_other(other, digest, inputs, [model.output])
        except (DeviceMemoryError, Cancelled):
            raise
        except Exception as error:  # ONNX Runtime's errors share no base below Exception
            raise EdgeModelError(
                f"{path} does not run from '{model.input}' to '{model.output}', as the JSON beside "
                f"it says: {error}; correct the JSON, or export the model with dynamic sizes"
            ) from error
        height, width = pixels.shape[2:]
        return Edges(model.edge_map(found.numpy(), (height, width)), model.name)

    @property
    def batch(self) -> int:
        """How many images go through the network at once when there are many."""
        usual = self._usual(IMAGES)
        return self.engine.chunks.largest(IMAGES, min(usual, self.chunk or usual))

    def at_once(self, work: str) -> int:
        """How many rows of a kind of work are computed at once."""
        return self.engine.chunks.largest(work, self.chunk or self._usual(work))

    def _usual(self, work: str) -> int:
        if self.engine.backend.kind.own_memory or work == ACTIVATIONS:
            return 64
        return 16 if work == GRADIENTS else min(4 * self.engine.threads, 16)

    @_in_turn
    def _logits_of_perturbed(
        self, graph: str, fixed: Mapping[str, FloatArray], masks: FloatArray
    ) -> FloatArray:
        """`fixed` is copied to the device once, masks a chunk at a time."""
        on_device = {name: self.engine.upload(value) for name, value in fixed.items()}

        def logits(chunk: FloatArray) -> DeviceValue:
            (images,) = self._run(graph, {**on_device, "masks": chunk})
            return self._run("tail", self._head(images))[0]

        return self._in_chunks(logits, masks, IMAGES)

    def _head(self, images: FloatArray | DeviceValue) -> dict[str, DeviceValue]:
        """The layer's activations, and tokens if any, under the names that the tail takes."""
        return self._named("head", images)

    def _named(self, graph: str, images: FloatArray | DeviceValue) -> dict[str, DeviceValue]:
        names = self.engine.bundle.graph(at_cut(graph, self.cut)).outputs
        return dict(zip(names, self._run(graph, {"image": images}), strict=True))

    def _run(
        self, graph: str, inputs: Mapping[str, Array | DeviceValue]
    ) -> tuple[DeviceValue, ...]:
        self.go_on()
        return self.engine.run(at_cut(graph, self.cut), inputs)

    def _in_chunks(
        self, compute: Callable[[Array], DeviceValue], rows: Array, work: str
    ) -> FloatArray:
        return np.concatenate(self._chunks(lambda chunk: compute(chunk).numpy(), rows, work))

    def _chunks(self, compute: Callable[[Array], T], rows: Array, work: str) -> list[T]:
        """What `compute` makes of the rows, so many at once; tells the progress after each."""
        wanted = self.chunk or self._usual(work)
        return self.engine.chunks.map(work, compute, rows, wanted, self.progress)


def _cells_of(rows: FloatArray) -> FloatArray | None:
    return rows[:-1] if len(rows) > 1 else None


def _inputs(layer: LayerOutput) -> dict[str, Array]:
    """What tail and gradient graph take."""
    if layer.tokens is None:
        return {"activations": layer.activations}
    return {"activations": layer.activations, "tokens": layer.tokens}
