"""Seeded random weights that behave like a network: activations neither vanish nor explode."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def seeded(
    make: Callable[[], nn.Module], seed: int, size: tuple[int, int], channels: int = 3
) -> nn.Module:
    """Build a network under `seed` and give its batch norms statistics from three noise batches.

    Fresh batch norms claim mean 0 and variance 1; in a deep network the logits are then constant to
    the last bit, and comparing them proves nothing. The global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make()
        _fill_zeros(network)
        norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        calibrate(network, norms, size, channels)
    return network.eval()


def _fill_zeros(network: nn.Module) -> None:
    """Draw the weights that a network's makers start at zero, such as a class layer's.

    Behind them everything would be constant.
    """
    for name, weight in network.named_parameters():
        if name.endswith("weight") and not weight.any():
            spread = 1 / weight[0].numel() ** 0.5
            nn.init.normal_(
                weight, 1.0 if weight.ndim == 1 else 0.0, spread if weight.ndim > 1 else 0
            )


def calibrate(
    network: nn.Module,
    norms: list[nn.modules.batchnorm._BatchNorm],
    size: tuple[int, int],
    channels: int = 3,
) -> None:
    """Give the batch norms, and nothing else, the mean statistics of three batches of noise.

    They are left in training mode.
    """
    if not norms:
        return
    network.eval()
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(4, channels, *size))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
