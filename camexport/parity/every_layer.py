"""A bundle compared with PyTorch at each layer that it was split at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

from camexport.parity.check import check, measure
from camexport.parity.reasons import reason_of
from camruntime.bundle import Bundle, Parity
from camruntime.engine import Engine


def compare(
    network: nn.Module, bundle: Bundle, opened: Callable[[Bundle], Engine]
) -> tuple[Parity, ...]:
    """Measure parity of all graphs, each layer's as if the bundle were built for it alone.

    Args:
        network: what the bundle was made of.
        bundle: in float32.
        opened: an engine for a bundle.

    Raises:
        ParityError: a difference is above the tolerance.
    """
    found: list[Parity] = []
    for cut in range(len(bundle.manifest.layers)):
        own = bundle.at(cut)
        measured = measure(network, opened(own))
        check(measured, partial(reason_of, network, own.manifest))
        found.extend(measured)
    return tuple(found)
