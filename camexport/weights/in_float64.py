"""A copy of a network that computes in float64, the judge where float32 rounds."""

from __future__ import annotations

import copy

from torch import Tensor, nn


def in_float64(network: nn.Module) -> nn.Module:
    """Also what its modules keep beside parameters and buffers, which `.double()` leaves alone."""
    exact = copy.deepcopy(network).double()
    for module in exact.modules():
        for name, value in vars(module).items():
            if isinstance(value, Tensor) and value.is_floating_point():
                vars(module)[name] = value.double()
    return exact
