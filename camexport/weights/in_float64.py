"""A network that computes in float64, the judge where float32 rounds."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


@contextmanager
def in_float64(network: nn.Module) -> Iterator[nn.Module]:
    """A copy for the block, which has `network`'s own weights: until its end these are float64.

    Both at once would need three times the weights' memory. Every float32 is a float64 too, so they
    come back as they were; what the copy keeps of its passes is its own.
    """
    weights = {weight: weight.dtype for weight in network.parameters()}
    exact = copy.deepcopy(network, {id(weight): weight for weight in weights})
    try:
        exact.double()
        _attributes_too(exact)
        yield exact
    finally:
        for weight, dtype in weights.items():
            weight.data = weight.data.to(dtype)


def _attributes_too(exact: nn.Module) -> None:
    """What modules keep beside parameters and buffers, which `.double()` leaves alone."""
    for module in exact.modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and value.is_floating_point():
                vars(module)[name] = value.to(torch.float64)
