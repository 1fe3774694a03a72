"""Compare a finished bundle with PyTorch once more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from camexport.errors import OptionError, WeightsError
from camexport.models import find_architecture, load_network
from camexport.parity import check, measure
from camruntime.bundle import Manifest, Parity, open_bundle
from camruntime.engine import Engine, Provider


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
        ExportError, CamError: the network or the bundle cannot be had.
    """
    bundle = open_bundle(path)
    manifest = bundle.manifest
    architecture = find_architecture(manifest.model, manifest.arguments, manifest.output)
    known = len(architecture.labels)
    network, source = load_network(
        architecture,
        _weights(manifest, weights),
        manifest.source.seed or 0,
        manifest.input.size,
        manifest.classes if known and known != manifest.classes else None,
    )
    if source.digest != manifest.source.digest:
        raise WeightsError(
            f"{source.name} has SHA-256 {source.digest[:12]}…, the bundle was built from "
            f"{manifest.source.name} with {manifest.source.digest[:12]}…: give the same weights"
        )
    measured = measure(network, Engine(bundle, providers))
    check(measured)
    return measured


def _weights(manifest: Manifest, weights: Path | None) -> str:
    if weights is not None:
        return str(weights)
    if manifest.source.weights == "file":
        raise OptionError(
            f"this bundle was built from the file {manifest.source.name}: say --weights PATH"
        )
    return manifest.source.weights
