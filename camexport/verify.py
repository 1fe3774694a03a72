"""Compare a finished bundle with PyTorch once more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from camexport.parity import check, measure
from camexport.remaking import remake_network
from camruntime.bundle import Parity, open_bundle
from camruntime.engine import Engine
from camruntime.providers import Provider


def verify_bundle(
    path: Path, weights: Path | None = None, providers: Sequence[Provider] | None = None
) -> tuple[Parity, ...]:
    """Make the network again from what `bundle.json` says, and measure parity with it.

    Args:
        path: the bundle's directory.
        weights: the state dict, for a bundle that was built from a file.
        providers: where ONNX Runtime computes, as in `camruntime.load`.

    Raises:
        ParityError: a difference is above the tolerance.
        WeightsError: the weights are not those that the bundle was built from.
        OptionError: a state dict is needed, or the bundle's weights were randomised.
        ExportError, CamError: the network or the bundle cannot be had.
    """
    bundle = open_bundle(path)
    network = remake_network(bundle.manifest, weights)
    measured = measure(network, Engine(bundle, providers))
    check(measured)
    return measured
