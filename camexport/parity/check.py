"""Measure how far ONNX Runtime is from PyTorch, on random inputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from camexport.errors import ParityError
from camexport.parity._noise import noise
from camexport.parity.gradient import BATCHES, layer_inputs, layout_in, measure_gradient
from camexport.parity.reasons import advice
from camexport.parity.reference import Reference
from camexport.parity.tolerances import FORWARD, tolerance_of
from camexport.tracing import INPUTS, on_tensors
from camruntime.bundle import Compared, Layer, Parity
from camruntime.engine import DeviceValue, Engine
from camruntime.maps import FloatArray

_CELLS = 5  # of a map, compared one by one


def measure(network: nn.Module, engine: Engine, seed: int = 0) -> tuple[Parity, ...]:
    """Compare head, tail, head-then-tail and gradient with `network` at batches 1, 2 and 5.

    And, where the bundle has the graph, the logits of some single cells of one image, and of all.

    The network runs as it is, with a hook on the target layer: this does not trust the split. Where
    a difference is above the tolerance, a network whose rounding errors grow is told from a wrong
    graph by float64: PyTorch's float32 is then as far from it as ONNX Runtime.
    """
    manifest = engine.bundle.manifest
    reference = Reference(network, manifest.layer.name, manifest.answer)
    generator = torch.Generator().manual_seed(seed)
    measured = _measure_forward(reference, engine, generator)
    engine.close()  # each session has weights of its own, and those of a head are not needed again
    if "cells" in manifest.graphs:
        measured += _measure_cells(reference, engine, generator)
        engine.close()
    if "gradient" in manifest.graphs:
        measured += measure_gradient(reference, engine, seed)
    return tuple(measured)


def check(measured: tuple[Parity, ...], reason: Callable[[Parity], str] = advice) -> None:
    """Raise `ParityError` when a difference is above the tolerance, or not a number.

    What PyTorch's own float32 is off is what it is at the worst of the batch sizes. Weights that
    are alike multiply a whole gradient by one and the same rounding, which no mean evens out: of
    one batch size's it may be small by luck, as its kernels sum in another order.

    Args:
        measured: by `measure`.
        reason: of a part that is above it, for the message.
    """
    for part in measured:
        parity = dataclasses.replace(part, float32=_worst_float32(part.part, measured))
        allowed = tolerance_of(parity).limit(parity.float32)
        if not parity.relative <= allowed:
            of = "norm in float64" if parity.of_gradient else "range"
            raise ParityError(
                f"{parity.part} at batch {parity.batch} differs from PyTorch by "
                f"{parity.relative:.2e} of its {of} at layer '{parity.layer}', allowed is "
                f"{allowed:.0e}: the bundle was not kept; {reason(parity)}"
            )


def _measure_forward(
    reference: Reference, engine: Engine, generator: torch.Generator
) -> list[Parity]:
    spec = engine.bundle.manifest.input
    passes = [_pass(reference, engine, noise(spec, batch, generator)) for batch in BATCHES]
    measured = [one.parts() for one in passes]
    if any(map(_are_off, measured)):
        engine.close()  # its weights would lie beside those in float64
        with reference.exact() as exact:
            for place, one in enumerate(passes):
                if _are_off(measured[place]):
                    measured[place] = one.parts_in_float64(exact)
    return [part for parts in measured for part in parts]


@dataclass(frozen=True)
class _Pass:
    """Some images, and what PyTorch's float32 and ONNX Runtime say of them."""

    layer: str
    images: Tensor
    own: dict[Compared, Tensor]
    found: dict[Compared, FloatArray]

    def parts(self) -> list[Parity]:
        return [
            _difference(self.layer, graph, found, self.own[graph].numpy())
            for graph, found in self.found.items()
        ]

    def parts_in_float64(self, exact: Reference) -> list[Parity]:
        activations, logits = exact.run(self.images)
        tail = exact.replaced_by(self.own["head"], self.images)
        wanted: dict[Compared, Tensor] = {"head": activations, "tail": tail, "head+tail": logits}
        return [
            _difference(self.layer, graph, found, wanted[graph].numpy(), self.own[graph].numpy())
            for graph, found in self.found.items()
        ]


def _pass(reference: Reference, engine: Engine, images: Tensor) -> _Pass:
    layer = engine.bundle.manifest.layer
    activations, logits = reference.run(images)
    head = engine.run("head", {"image": images.numpy()})
    (tail,) = engine.run("tail", layer_inputs(layer, activations))
    (both,) = engine.run("tail", dict(zip(INPUTS, head, strict=False)))
    own: dict[Compared, Tensor] = {"head": activations, "tail": logits, "head+tail": logits}
    found: dict[Compared, FloatArray] = {
        "head": _restored(layer, head),
        "tail": tail.numpy(),
        "head+tail": both.numpy(),
    }
    return _Pass(layer.name, images, own, found)


def _are_off(parts: list[Parity]) -> bool:
    return not all(part.relative <= FORWARD.usual for part in parts)


def _worst_float32(part: str, measured: tuple[Parity, ...]) -> float | None:
    known = [one.float32 for one in measured if one.part == part and one.float32 is not None]
    return max(known, default=None)


def _restored(layer: Layer, head: tuple[DeviceValue, ...]) -> FloatArray:
    """The head's outputs as the network itself lays them out."""
    parts = tuple(torch.from_numpy(value.numpy()) for value in head)
    restored: Tensor = layout_in(layer).restore(parts, on_tensors)
    return restored.numpy()


def _measure_cells(
    reference: Reference, engine: Engine, generator: torch.Generator
) -> list[Parity]:
    layer = engine.bundle.manifest.layer
    image = noise(engine.bundle.manifest.input, 1, generator)
    count = layer.spatial[0] * layer.spatial[1]
    cells = torch.cat([torch.randperm(count, generator=generator)[:_CELLS], torch.tensor([count])])
    activations, _ = reference.run(image)
    (by_cells,) = engine.run("cells", layer_inputs(layer, activations))
    _, both = engine.run("head_cells", {"image": image.numpy()})
    found: dict[Compared, FloatArray] = {
        "cells": by_cells.numpy()[cells],
        "head+cells": both.numpy()[cells],
    }
    kept, images = _only_cells(layer, activations, cells), image.expand(len(cells), -1, -1, -1)
    own = reference.replaced_by(kept, images).numpy()
    measured = [_difference(layer.name, graph, rows, own) for graph, rows in found.items()]
    if _are_off(measured):
        engine.close()
        with reference.exact() as exact:
            wanted = exact.replaced_by(kept, images).numpy()
        measured = [
            _difference(layer.name, graph, rows, wanted, own) for graph, rows in found.items()
        ]
    return [dataclasses.replace(one, batch=1) for one in measured]


def _only_cells(layer: Layer, activations: Tensor, cells: Tensor) -> Tensor:
    """`activations` of one image, for each of `cells` with all others zero.

    The cell behind the last one stands for none of them being zero.
    """
    layout = layout_in(layer)
    (grid,) = layout.arrange(activations, on_tensors)
    height, width = layer.spatial
    count = height * width
    masks = torch.cat([torch.eye(count), torch.ones(1, count)])[cells].view(-1, 1, height, width)
    kept: Tensor = layout.restore((grid * masks,), on_tensors)
    return kept


def _difference(
    layer: str,
    graph: Compared,
    found: FloatArray,
    wanted: NDArray[np.floating],
    own: FloatArray | None = None,
) -> Parity:
    """Of `found`, and of `own`, which is PyTorch's float32 where `wanted` is its float64."""
    scale = float(np.abs(wanted).max()) or 1.0
    with np.errstate(invalid="ignore"):  # infinity on both sides: NaN, which `check` refuses
        absolute = float(np.abs(found - wanted).max())
        float32 = None if own is None else float(np.abs(own - wanted).max()) / scale
    return Parity(
        layer=layer,
        graph=graph,
        saturated=False,
        batch=len(found),
        absolute=absolute,
        relative=absolute / scale,
        float32=float32,
    )
