"""Images that nobody took, as a network is used to them."""

from __future__ import annotations

import torch
from torch import Tensor

from camruntime.bundle import Input

_USUAL = 1 / 16
"""Of pixels in [0, 1], so far down a standard deviation is one that normalises."""


def noise(spec: Input, batch: int, generator: torch.Generator) -> Tensor:
    """Normal noise `(batch, channels, H, W)`: such as normalised images are, or of larger values.

    A network that takes values of 0-255 as they come has a `std` of 1/255: noise of 1 would leave
    it with what its biases say, and compare nothing else.
    """
    values = torch.randn(batch, spec.channels, *spec.size, generator=generator)
    scale = 0.25 / max(spec.std)
    return values * scale if max(spec.std) < _USUAL else values
