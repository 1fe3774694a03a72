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


_CASES = [_Case(saturated, batch) for saturated in (False, True) for batch in BATCHES]


def measure_gradient(reference: Reference, engine: Engine, seed: int = 0) -> tuple[Parity, ...]:
    """Compare the gradient graph with autograd at batches 1, 2 and 5, plain and saturated.

    `relative` is the norm of the difference from float64 over the norm of the gradient, `float32`
    the same for PyTorch's own float32. A value that lies within rounding of a kink, such as
    a ReLU's zero, falls on either side by chance and moves a whole path's gradient; a case over its
    limit is drawn anew, at most three times, and a graph that is wrong stays wrong.

    Raises:
        ParityError: the gradient is zero everywhere, so that nothing can be compared.
    """
    generator = torch.Generator().manual_seed(seed)
    measured, norms = [], []
    for case in _CASES:
        for _ in range(_DRAWS):
            found, norm = _compare(reference, engine, case, generator)
            if found.relative <= GRADIENT.limit(found.float32):
                break
        measured.append(found)
        norms.append(norm)
    if not any(norms):
        _refuse_vanished(reference, engine.bundle.manifest, generator)
    return tuple(measured)


def _refuse_vanished(reference: Reference, manifest: Manifest, generator: torch.Generator) -> None:
    """Unless the classes that were drawn are merely such as nothing leads to."""
    images = noise(manifest.input, _IMAGES, generator)
    activations, logits = reference.run(images)
    if reference.exact.gradient(images, activations, logits.argmax(1)).any():
        return
    raise ParityError(
        f"the gradient at layer '{manifest.layer.name}' is zero for every class and every image of "
        "noise, in float64 too: what follows is saturated, as by a clip, a hard tanh or dead "
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


def _compare(
    reference: Reference, engine: Engine, case: _Case, generator: torch.Generator
) -> tuple[Parity, float]:
    """What differs, and the norm of the gradient itself."""
    manifest = engine.bundle.manifest
    images = noise(manifest.input, case.batch, generator)
    targets = torch.randint(0, manifest.classes, (case.batch,), generator=generator)
    activations = reference.run(images)[0] * (SATURATED if case.saturated else 1.0)
    layout = layout_in(manifest.layer)
    wanted, own = (
        layout.arrange(one.gradient(images, activations, targets), on_tensors)[0].double().numpy()
        for one in (reference.exact, reference)
    )
    inputs = {**layer_inputs(manifest.layer, activations), "targets": targets.numpy()}
    found = engine.run("gradient", inputs)[0].numpy()
    parity = Parity(
        graph="gradient",
        saturated=case.saturated,
        batch=case.batch,
        absolute=float(np.abs(found - wanted).max()),
        relative=_relative(found, wanted),
        float32=_relative(own, wanted),
    )
    return parity, float(np.linalg.norm(wanted))


def _relative(found: NDArray[np.floating], wanted: NDArray[np.float64]) -> float:
    scale = float(np.linalg.norm(wanted))
    error = float(np.linalg.norm(found - wanted))
    return error / scale if scale != 0 else error
