"""What the references need of a network, through forward hooks alone."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Inner = Callable[[Tensor], Tensor]
"""Maps `(targets, h, w)` of an image, by the method that a helper goes around."""


def activations_of(network: nn.Module, layer: str, image: Tensor) -> Tensor:
    """Activations `(1, C, h, w)` of `layer`."""
    seen: list[Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(
        lambda _module, _inputs, output: seen.append(output.clone())
    )
    network(image)
    handle.remove()
    return seen[-1]


def logits_with(
    network: nn.Module, layer: str, image: Tensor, change: Callable[[Tensor], Tensor]
) -> Tensor:
    """Logits when the activations of `layer` are replaced by `change(activations)`."""
    handle = network.get_submodule(layer).register_forward_hook(
        lambda _module, _inputs, output: change(output)
    )
    logits: Tensor = network(image)
    handle.remove()
    return logits


def score_in_batches(network: nn.Module, images: list[Tensor]) -> Tensor:
    """Logits of single images, run sixteen at a time."""
    return torch.cat([network(torch.cat(images[i : i + 16])) for i in range(0, len(images), 16)])


def activations_and_gradient(
    network: nn.Module, layer: str, image: Tensor, target: int
) -> tuple[Tensor, Tensor]:
    """Activations `(C, h, w)` of `layer` at its last call, and one logit's gradient there."""
    leaves: list[Tensor] = []

    def cut(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        leaves.append(output.detach().clone().requires_grad_())
        return leaves[-1].clone()  # what follows may work in place

    handle = network.get_submodule(layer).register_forward_hook(cut)
    with torch.enable_grad():
        logit = network(image)[0, target]
    handle.remove()
    (gradient,) = torch.autograd.grad(logit, leaves[-1])
    return leaves[-1].detach()[0], gradient[0]
