"""Why a bundle differs from PyTorch: what to do depends on it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from camexport.parity._noise import noise
from camexport.parity.gradient import SATURATED
from camexport.parity.reference import Reference
from camexport.parity.tolerances import tolerance_of
from camexport.parity.vanishing import vanishes
from camexport.weights import few, not_numbers
from camruntime.bundle import Manifest, Parity

_IMAGES = 5
_ENDS = 1e-6  # of probabilities, from 0 and 1
_STEP = 1e-6  # of the activations, in float64, for a difference quotient
_APART = 1e-3  # of that quotient from the derivative


def reason_of(network: nn.Module, manifest: Manifest, parity: Parity) -> str:
    """Why `parity` is above its tolerance, and what to do, in one line.

    Args:
        network: what the bundle was compared with.
        manifest: of the bundle.
        parity: the measured part.
    """
    bad = not_numbers(network)
    if bad:
        return f"the weights hold NaN or infinite values, in {few(bad)}"
    if parity.of_gradient:
        reference = Reference(network, manifest.layer.name, manifest.answer)
        found = _of_gradient(reference, manifest, parity)
        if found:
            return found
    return advice(parity, manifest.source.weights == "random")


def advice(parity: Parity, random: bool = True) -> str:
    """What its figures alone tell: a graph that is wrong, or float32 that is not enough."""
    if tolerance_of(parity).tells(parity.float32):
        return "try another --layer, and report the model"
    seed = "random weights may do so, then try another --seed"
    gradient = ", or build with --no-gradient" if parity.of_gradient else ""
    return (
        f"PyTorch's own float32 is {parity.float32:.2e} off, as the network multiplies rounding "
        f"errors; {seed if random else 'try a --layer nearer to the logits'}{gradient}"
    )


def _of_gradient(reference: Reference, manifest: Manifest, parity: Parity) -> str:
    generator = torch.Generator().manual_seed(0)
    images = noise(manifest.input, _IMAGES, generator)
    targets = torch.randint(0, manifest.classes, (_IMAGES,), generator=generator)
    activations, _ = reference.run(images)
    activations = activations * (SATURATED if parity.saturated else 1.0)
    logits = reference.replaced_by(activations, images)
    with reference.exact() as exact:
        gradient = exact.gradient(images, activations, targets)
    if _is_saturated(activations, logits, gradient):
        return (
            "the outputs are saturated, so that they hardly change and float32 has no gradient of "
            "them: give the network without what bounds them, as a softmax does (see --output), or "
            "build with --no-gradient"
        )
    functions = reference.own_functions(images, activations)
    if functions and not _is_derivative(reference, images, activations, targets, gradient):
        return (
            f"the backward of the network's own autograd.Function {few(functions)} is not the "
            "derivative of its forward, which the graph has: build with --no-gradient, or write "
            "the derivative"
        )
    return ""


def _is_saturated(activations: Tensor, logits: Tensor, gradient: Tensor) -> bool:
    probable = bool(logits.min() >= 0) and bool(logits.max() <= 1)
    ends = torch.minimum(logits, 1 - logits).amax(1)
    at_the_ends = probable and float(ends.median()) < _ENDS
    return at_the_ends or vanishes(gradient, activations, logits)


def _is_derivative(
    reference: Reference, images: Tensor, activations: Tensor, targets: Tensor, gradient: Tensor
) -> bool:
    """Whether the gradient, in float64, tells how the scores change along it."""
    along = gradient / gradient.norm().clamp(min=1e-30) * activations.double().norm() * _STEP
    with reference.exact() as exact:
        ahead, behind = (
            exact.replaced_by(activations.double() + sign * along, images)
            .gather(1, targets[:, None])
            .sum()
            for sign in (1, -1)
        )
    measured, told = float(ahead - behind) / 2, float((gradient * along).sum())
    return abs(measured - told) <= _APART * max(abs(measured), abs(told))
