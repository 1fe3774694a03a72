"""Measure how far the gradient graph is from autograd in float64, beside PyTorch's own float32.

Float64 is the judge: with poorly scaled weights PyTorch's float32 gradient can be the worse of two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from camexport.errors import ParityError
from camexport.parity._noise import noise
from camexport.parity.reference import Reference
from camexport.parity.tolerances import GRADIENT
from camexport.parity.vanishing import vanishes
from camexport.tracing import INPUTS, Layout, on_tensors
from camruntime.bundle import Layer, Manifest, Parity
from camruntime.engine import Engine
from camruntime.maps import FloatArray

BATCHES = (1, 2, 5)
SATURATED = 30.0
"""Factor on activations that drives sigmoids, softmaxes and clipped functions to their ends."""

_DRAWS = 3
_IMAGES = 5


@dataclass(frozen=True)
class _Case:
    saturated: bool
    batch: int


@dataclass(frozen=True)
class _Drawn:
    """A case's images, activations in the layer's own layout, logits, and a class for each."""

    case: _Case
    images: Tensor
    activations: Tensor
    logits: Tensor
    targets: Tensor

    def vanishes(self, gradient: Tensor) -> bool:
        """Whether it does, or is of activations that were driven to the ends of what follows."""
        return self.case.saturated or vanishes(gradient, self.activations, self.logits)

    def gradient_of(self, reference: Reference) -> Tensor:
        return reference.gradient(self.images, self.activations, self.targets)


_CASES = [_Case(saturated, batch) for saturated in (False, True) for batch in BATCHES]


def measure_gradient(reference: Reference, engine: Engine, seed: int = 0) -> tuple[Parity, ...]:
    """Compare the gradient graph with autograd at batches 1, 2 and 5, plain and saturated.

    `relative` is the norm of the difference from float64 over the norm of the gradient, `float32`
    the same for PyTorch's own float32. A value that lies within rounding of a kink, such as
    a ReLU's zero, falls on either side by chance and moves a whole path's gradient; a case over its
    limit is drawn anew, at most three times, and a graph that is wrong stays wrong.

    Raises:
        ParityError: the gradient vanishes everywhere, so that nothing can be compared.
    """
    generator = torch.Generator().manual_seed(seed)
    measured: dict[_Case, Parity] = {}
    waiting = _CASES
    for _ in range(_DRAWS):
        drawn = [_draw(reference, engine.bundle.manifest, case, generator) for case in waiting]
        engine.close()  # its weights would lie beside those in float64
        with reference.exact() as exact:
            wanted = [one.gradient_of(exact) for one in drawn]
            if not measured and all(map(_Drawn.vanishes, drawn, wanted)):
                _refuse_vanished(exact, engine.bundle.manifest, generator)
        for one, gradient in zip(drawn, wanted, strict=True):
            measured[one.case] = _compare(one, gradient, reference, engine)
        waiting = [case for case in waiting if _is_off(measured[case])]
        if not waiting:
            break
    return tuple(measured.values())


def _refuse_vanished(exact: Reference, manifest: Manifest, generator: torch.Generator) -> None:
    """Unless the classes that were drawn are merely such as nothing leads to."""
    images = noise(manifest.input, _IMAGES, generator)
    activations, logits = exact.run(images)
    if not vanishes(exact.gradient(images, activations, logits.argmax(1)), activations, logits):
        return
    raise ParityError(
        f"the gradient at layer '{manifest.layer.name}' vanishes for every class and every image "
        "of noise, in float64 too: what follows is saturated, as by a clip, a hard tanh or dead "
        "ReLUs, and maps from gradients would all be empty; give the network without what bounds "
        "its outputs (see --output), name a --layer behind that, or build with --no-gradient"
    )


def layout_in(layer: Layer) -> Layout:
    """The layout that a bundle records."""
    return Layout(layer.axes, layer.shape, layer.tokens)


def layer_inputs(layer: Layer, activations: Tensor) -> dict[str, FloatArray]:
    """What tail and gradient graph take, of activations in the layer's own layout."""
    parts = layout_in(layer).arrange(activations, on_tensors)
    return {name: part.numpy() for name, part in zip(INPUTS, parts, strict=False)}


def _draw(
    reference: Reference, manifest: Manifest, case: _Case, generator: torch.Generator
) -> _Drawn:
    images = noise(manifest.input, case.batch, generator)
    targets = torch.randint(0, manifest.classes, (case.batch,), generator=generator)
    activations, logits = reference.run(images)
    factor = SATURATED if case.saturated else 1.0
    return _Drawn(case, images, activations * factor, logits, targets)


def _compare(drawn: _Drawn, exact: Tensor, reference: Reference, engine: Engine) -> Parity:
    layer = engine.bundle.manifest.layer
    wanted, own = (
        layout_in(layer).arrange(one, on_tensors)[0].double().numpy()
        for one in (exact, drawn.gradient_of(reference))
    )
    inputs = {**layer_inputs(layer, drawn.activations), "targets": drawn.targets.numpy()}
    found = engine.run("gradient", inputs)[0].numpy()
    return Parity(
        layer=layer.name,
        graph="gradient",
        saturated=drawn.case.saturated,
        batch=drawn.case.batch,
        absolute=float(np.abs(found - wanted).max()),
        relative=_relative(found, wanted),
        float32=_relative(own, wanted),
    )


def _is_off(parity: Parity) -> bool:
    return not parity.relative <= GRADIENT.limit(parity.float32)


def _relative(found: NDArray[np.floating], wanted: NDArray[np.float64]) -> float:
    scale = float(np.linalg.norm(wanted))
    error = float(np.linalg.norm(found - wanted))
    return error / scale if scale != 0 else error
