"""Bundles of a network that forgets what it learned, layer by layer from the logits backwards.

For the model randomisation check of "Sanity Checks for Saliency Maps" (Adebayo et al., 2018,
arXiv 1810.03292), cascading: the weights of the last layers are drawn anew, then those of more and
more. A saliency map that stays as it was explains the picture and not the network.

The paper draws from the initial distribution, which a file of weights does not tell. Here each
parameter's values are put in random order instead. That keeps every statistic of them, and with it
activations of the usual size and signs where a sign matters, such as of a variance, which a normal
of the same mean and deviation would not; where a value was is all that was learned beyond these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from camexport.bundles import Contents, rebuild_network, staged, write_bundle
from camexport.errors import OptionError, UnsupportedError
from camexport.tracing import split, trace
from camexport.weights import LearnedLayer, calibrate, digest_state, learned_layers
from camruntime.bundle import Bundle, Input, Manifest, open_bundle

_CONSTANT = 1e-5  # logits that differ less between pictures, relative to their size, are rounding


@dataclass(frozen=True, kw_only=True)
class RandomiseOptions:
    """What `camexport randomise` is told.

    Attributes:
        bundle: directory of the trained network's bundle.
        out: directory for the stages, `1` to `stages`.
        stages: stage k of N randomises the last k/N of the learned layers.
        seed: of the random order.
        weights: the state dict, for a bundle that was built from a file.
        force: replace what is at `out`.
        trust: whether code may run that the bundle names.
    """

    bundle: Path
    out: Path
    stages: int = 4
    seed: int = 0
    weights: Path | None = None
    force: bool = False
    trust: bool = False


def randomise_bundle(options: RandomiseOptions) -> tuple[Bundle, ...]:
    """Write a bundle for each stage, like that at `options.bundle` in everything but the weights.

    In float32, whatever the precision of that is.

    Raises:
        OptionError: fewer than one stage or more than learned layers; see also `rebuild_network`.
        TrustError: the bundle names a callable or a `.pt2` file, and `trust` is off.
        UnsupportedError: the logits of a stage no longer depend on the picture.
        ExportError, CamError: as of a build; nothing is left behind.
    """
    manifest = open_bundle(options.bundle).manifest
    if options.out.resolve() == options.bundle.resolve():
        raise OptionError(f"--out {options.out} is the bundle itself: choose another folder")
    with staged(options.out, options.force) as stage:
        network = rebuild_network(manifest, options.weights, options.trust)
        layers = learned_layers(
            trace(network, manifest.input.size, manifest.input.channels), network
        )
        generator = torch.Generator().manual_seed(options.seed)
        end = len(layers)
        for number, start in enumerate(_starts(len(layers), options.stages), 1):
            for layer in reversed(layers[start:end]):  # the same order for any number of stages
                _permute(layer, generator)
            _settle(network, layers[start:], manifest.input, options.seed)
            folder = stage / str(number)
            folder.mkdir()
            _write(folder, network, manifest, layers[start].name, options.seed)
            end = start
    return tuple(open_bundle(options.out / str(k)) for k in range(1, options.stages + 1))


def _starts(layers: int, stages: int) -> list[int]:
    """The index of the first randomised layer of each stage, falling to 0."""
    if not 1 <= stages <= layers:
        raise OptionError(
            f"--stages {stages}: expected 1 to {layers}, as many as the network has learned layers"
        )
    return [layers - layers * stage // stages for stage in range(1, stages + 1)]


def _permute(layer: LearnedLayer, generator: torch.Generator) -> None:
    """Put the values of each parameter in random order, in place."""
    with torch.no_grad():
        for parameter in layer.parameters:
            order = torch.randperm(parameter.numel(), generator=generator)
            parameter.copy_(parameter.flatten()[order].view_as(parameter))


def _settle(network: nn.Module, randomised: Sequence[LearnedLayer], spec: Input, seed: int) -> None:
    """Give the batch norms among `randomised` statistics of what now reaches them.

    With the trained network's, activations drift from layer to layer. The other weights stay.

    Raises:
        UnsupportedError: the logits no longer depend on the picture.
    """
    norms = [layer.module for layer in randomised]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        batch_norms = [n for n in norms if isinstance(n, nn.modules.batchnorm._BatchNorm)]
        calibrate(network, batch_norms, spec.size, spec.channels)
        network.eval()
        with torch.no_grad():  # some networks keep tensors; autograd takes none of inference mode
            logits: Tensor = network(torch.randn(4, spec.channels, *spec.size))
    if not logits.std(0).max() > _CONSTANT * logits.abs().max():  # also where they are NaN
        raise UnsupportedError(
            f"randomised from {randomised[0].name} on, the network answers every picture alike: "
            "its maps would show nothing; try another --seed"
        )


def _write(folder: Path, network: nn.Module, manifest: Manifest, layer: str, seed: int) -> None:
    contents = Contents(
        model=manifest.model,
        arguments=manifest.arguments,
        output=manifest.output,
        answer=manifest.answer,
        source=manifest.source.randomised(layer, seed, digest_state(network)),
        input=manifest.input,
        labels=manifest.labels,
        good=manifest.good,
        gradient="gradient" in manifest.graphs,
    )
    program = trace(network, manifest.input.size, manifest.input.channels)
    splits = [split(program, one.name) for one in manifest.layers]
    write_bundle(folder, network, splits, contents)
