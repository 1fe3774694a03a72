"""A network that computes in float64, the judge where float32 rounds."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


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


@contextmanager
def wide() -> Iterator[None]:
    """What a network's own code makes or casts in float32 is float64 in the block."""
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with _Wide():
            yield
    finally:
        torch.set_default_dtype(usual)


class _Wide(TorchFunctionMode):
    def __torch_function__(
        self,
        function: Callable[..., Any],
        _types: Sequence[type],
        arguments: tuple[Any, ...] = (),
        keywords: dict[str, Any] | None = None,
    ) -> Any:
        named = {name: _widened(value) for name, value in (keywords or {}).items()}
        called = Tensor.double if function is Tensor.float else function
        return called(*map(_widened, arguments), **named)


def _widened(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value
