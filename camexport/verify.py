"""Compare a finished bundle with PyTorch once more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from camexport.bundles import rebuild_network
from camexport.errors import OptionError
from camexport.parity import compare
from camruntime.bundle import Parity, open_bundle
from camruntime.engine import Engine, Provider


def verify_bundle(
    path: Path,
    weights: Path | None = None,
    providers: Sequence[Provider] | None = None,
    trust: bool = False,
) -> tuple[Parity, ...]:
    """Make the network again from what `bundle.json` says, and measure parity with it.

    Args:
        path: the bundle's directory.
        weights: the state dict, for a bundle that was built from a file.
        providers: where ONNX Runtime computes, as in `camruntime.load`.
        trust: whether code may run that the bundle names.

    Raises:
        ParityError: a difference is above the tolerance.
        TrustError: the bundle names a callable or a `.pt2` file, and `trust` is off.
        WeightsError: the weights are not those that the bundle was built from.
        OptionError: a state dict is needed, the bundle's weights were randomised, or it does not
            compute in float32.
        ExportError, CamError: the network or the bundle cannot be had.
    """
    bundle = open_bundle(path)
    if bundle.manifest.precision != "float32":
        raise OptionError(
            f"{path} computes in {bundle.manifest.precision}, which is judged by its maps and not "
            "by parity with PyTorch: `camruntime info` tells what was measured when it was built"
        )
    network = rebuild_network(bundle.manifest, weights, trust)
    return compare(network, bundle, lambda one: Engine(one, providers))
