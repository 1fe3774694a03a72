"""Measure how far ONNX Runtime is from PyTorch, on random inputs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from camexport.errors import ParityError
from camexport.gradient_parity import BATCHES, limit, measure_gradient
from camexport.layer_output import layer_output
from camruntime.bundle import Parity
from camruntime.engine import Engine
from camruntime.rescale import FloatArray

TOLERANCE = {"float32": 1e-4}
"""Largest difference allowed, relative to the largest value that PyTorch computed."""


def measure(network: nn.Module, engine: Engine, seed: int = 0) -> tuple[Parity, ...]:
    """Compare head, tail, head-then-tail and gradient with `network` at batches 1, 2 and 5.

    The network runs as it is, with a hook on the target layer: this does not trust the split.
    """
    manifest = engine.bundle.manifest
    generator = torch.Generator().manual_seed(seed)
    measured = []
    for batch in BATCHES:
        images = torch.randn(batch, 3, *manifest.input.size, generator=generator)
        activations, logits = reference(network, manifest.layer.name, images)
        (head,) = engine.run("head", {"image": images.numpy()})
        (tail,) = engine.run("tail", {"activations": activations.numpy()})
        (both,) = engine.run("tail", {"activations": head})
        measured += [
            _difference("head", batch, head.numpy(), activations),
            _difference("tail", batch, tail.numpy(), logits),
            _difference("head+tail", batch, both.numpy(), logits),
        ]
    if "gradient" in manifest.graphs:
        measured += measure_gradient(network, engine, seed)
    return tuple(measured)


def check(measured: tuple[Parity, ...]) -> None:
    """Raise `ParityError` when a difference is above the tolerance, or not a number."""
    for parity in measured:
        allowed = TOLERANCE["float32"] if parity.float32 is None else limit(parity)
        if not parity.relative <= allowed:
            of = "range" if parity.float32 is None else "norm in float64"
            raise ParityError(
                f"{parity.part} at batch {parity.batch} differs from PyTorch by "
                f"{parity.relative:.2e} of its {of}, allowed is {allowed:.0e}: the bundle was not "
                "kept; try another --layer, and report the model"
            )


def reference(network: nn.Module, layer: str, images: Tensor) -> tuple[Tensor, Tensor]:
    """PyTorch's activations of `layer` (at its last call) and logits for `images`."""
    with torch.inference_mode(), layer_output(network, layer) as seen:
        logits: Tensor = network(images)
    return seen[-1], logits


def _difference(part: str, batch: int, found: FloatArray, expected: Tensor) -> Parity:
    wanted = expected.numpy()
    with np.errstate(invalid="ignore"):  # infinity on both sides: NaN, which `check` refuses
        absolute = float(np.abs(found - wanted).max())
    scale = float(np.abs(wanted).max())
    relative = absolute / scale if scale != 0 else absolute
    return Parity(part=part, batch=batch, absolute=absolute, relative=relative, float32=None)
