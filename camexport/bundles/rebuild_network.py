"""The PyTorch network of a finished bundle, made again from what `bundle.json` says."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from camexport.errors import OptionError, WeightsError
from camexport.models import find_architecture, load_network, require_trust, settle_answer
from camruntime.bundle import Manifest


def rebuild_network(
    manifest: Manifest, weights: Path | None = None, trust: bool = False
) -> nn.Module:
    """The network in eval mode, with the very weights that the bundle was built from.

    Args:
        manifest: of the bundle.
        weights: the state dict, for a bundle that was built from a file.
        trust: whether code may run that the bundle names: a callable, or a `.pt2` file.

    Raises:
        TrustError: it names some, and `trust` is off.
        WeightsError: the weights are not those that the bundle was built from.
        OptionError: a state dict is needed, or the bundle's weights were randomised.
        ExportError: the network cannot be had.
    """
    state = _weights(manifest, weights)
    require_trust(manifest.model, trust)
    architecture = find_architecture(manifest.model, manifest.arguments, manifest.output, trust)
    known = len(architecture.labels)
    network, source = load_network(
        architecture,
        state,
        manifest.source.seed or 0,
        manifest.input.size,
        manifest.classes if known and known != manifest.classes else None,
        manifest.input.channels,
    )
    if source.digest != manifest.source.digest:
        raise WeightsError(
            f"{source.name} has SHA-256 {source.digest[:12]}…, the bundle was built from "
            f"{manifest.source.name} with {manifest.source.digest[:12]}…: give the same weights"
        )
    settle_answer(
        network, manifest.input.size, manifest.input.channels, manifest.answer.probabilities
    )
    return network


def _weights(manifest: Manifest, weights: Path | None) -> str:
    if manifest.source.weights == "randomised":
        raise OptionError(
            f"the weights of this bundle ({manifest.source.name}) are in no file: use the bundle "
            "that `camexport randomise` was given; this one was compared when it was written"
        )
    if weights is not None:
        return str(weights)
    if manifest.source.weights == "file":
        raise OptionError(
            f"this bundle was built from the file {manifest.source.name}: say --weights PATH"
        )
    return manifest.source.weights
