"""Watch, or replace, what a layer of a network puts out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn


@contextmanager
def layer_output(
    network: nn.Module, layer: str, replacement: tuple[Tensor, int] | None = None
) -> Iterator[list[Tensor]]:
    """While the block runs, collect the layer's outputs, one for every time it is called.

    Args:
        network: holds the layer.
        layer: its module path.
        replacement: a value and k: from the k-th call on, the network goes on with the value.
    """
    seen: list[Tensor] = []

    def hook(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor | None:
        seen.append(output.detach().clone())  # a later in-place operator must not reach it
        if replacement is None or len(seen) < replacement[1]:
            return None
        return replacement[0].clone()

    handle = network.get_submodule(layer).register_forward_hook(hook)
    try:
        yield seen
    finally:
        handle.remove()
