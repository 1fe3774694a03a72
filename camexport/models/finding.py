"""From `--model` and `--weights` to a network in eval mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from camexport.errors import (
    OptionError,
    TrustError,
    UnknownModelError,
    UnsupportedError,
    WeightsError,
)
from camexport.models import (
    built_in,
    exported_programs,
    onnx_files,
    own_models,
    timm_models,
    torchvision_models,
)
from camexport.models._architecture import Architecture
from camexport.models._channels import input_channels
from camexport.models._output import select_output
from camexport.models.behaviour import leave_inference_mode, require_float32
from camexport.tracing import in_one_line
from camexport.weights import digest_state, fit_checkpoint, read_checkpoint, seeded
from camruntime.bundle import Source
from camruntime.errors import nearest


def find_architecture(
    name: str,
    arguments: Mapping[str, str] | None = None,
    output: str | None = None,
    trust: bool = False,
) -> Architecture:
    """The architecture that `--model name` means.

    A callable is imported: a name that the user did not type goes through `require_trust` first.

    Args:
        name: of a model, `package.module:callable`, or a path that ends in `.onnx` or `.pt2`.
        arguments: of the callable, as text.
        output: which output the logits are, where there are several; of an ONNX file, any tensor.
        trust: whether code that a `.pt2` file may hold may run.

    Raises:
        UnknownModelError: with the nearest names.
        TrustError: a `.pt2` file without `trust`.
        OptionError: `arguments` for something that is no callable.
        UnsupportedError, WeightsError: a file that cannot be read as a network.
    """
    found = onnx_files.find(name, output)
    if found is None:
        found = _find(name, arguments or {}, trust)
        found = found if output is None else _with_output(found, output)
    if arguments and not own_models.is_own(name):
        raise OptionError(f"--arg goes with package.module:callable, not with {name}")
    return found


def require_trust(model: str, trust: bool) -> None:
    """Refuse a callable that a bundle names; the code of all other kinds of models is ours.

    Raises:
        TrustError: `model` is a callable, and `trust` is off.
    """
    if own_models.is_own(model) and not trust:
        raise TrustError(
            f"its bundle.json names the model {model!r:.200}, code that would be imported and "
            "called: say --trust where you trust who wrote the bundle"
        )


def _find(name: str, arguments: Mapping[str, str], trust: bool) -> Architecture:
    if own_models.is_own(name):
        return own_models.find(name, arguments)
    program = partial(exported_programs.find, trust=trust)
    for find in (built_in.find, program, torchvision_models.find, timm_models.find):
        found = find(name)
        if found is not None:
            return found
    raise UnknownModelError(
        f"no model '{name}': {nearest(name, known_models())} (`camexport models` lists them; "
        "package.module:callable for your own)"
    )


def _with_output(architecture: Architecture, output: str) -> Architecture:
    return replace(
        architecture,
        make=lambda classes: select_output(architecture.make(classes), output),
        publish=lambda: select_output(architecture.publish(), output),
    )


def known_models() -> dict[str, str]:
    """Every name that `--model` takes, but the user's own, and where it comes from.

    timm's have their prefix where torchvision has a network of the same name.
    """
    ours = dict.fromkeys(torchvision_models.names(), "torchvision")
    theirs = {
        f"{timm_models.PREFIX}{name}" if name in ours else name: "timm"
        for name in timm_models.names()
    }
    return {built_in.NAME: "ships with camexport", **ours, **theirs}


def _seeded(
    architecture: Architecture,
    seed: int,
    size: tuple[int, int],
    classes: int | None,
    channels: int | None,
) -> nn.Module:
    if channels is None:
        with torch.random.fork_rng(devices=[]):
            channels = input_channels(architecture.make(classes).eval(), size)
    try:
        return seeded(lambda: architecture.make(classes), seed, size, channels)
    except (AssertionError, RuntimeError) as error:  # a network's own checks of its input
        raise UnsupportedError(
            f"{architecture.name} does not run on images of {size[0]}x{size[1]}: "
            f"{in_one_line(error)}; try another --size"
        ) from error


def _from_file(
    architecture: Architecture, path: Path, classes: int | None
) -> tuple[nn.Module, str]:
    """With the weights in a file, and their name; two classes may also be those of one logit."""
    states = read_checkpoint(path)
    network = architecture.make(classes).eval()
    try:
        taken = fit_checkpoint(network, states, path.name)
    except WeightsError as error:
        if classes != 2:
            raise
        network = architecture.make(1).eval()
        try:
            taken = fit_checkpoint(network, states, path.name)
        except WeightsError:
            raise error from None
    return network, f"{path.name} ({taken})" if taken else path.name


def load_network(
    architecture: Architecture,
    weights: str,
    seed: int,
    size: tuple[int, int],
    classes: int | None = None,
    channels: int | None = None,
) -> tuple[nn.Module, Source]:
    """Make the network with its weights, in eval mode.

    Args:
        architecture: from `find_architecture`.
        weights: `default`, `random`, or the path of a state dict or checkpoint.
        seed: of random weights.
        size: `(H, W)` at which random weights are calibrated, and a file compared.
        classes: number of classes where it is not the architecture's own.
        channels: of its images; None where only the network itself tells.

    Raises:
        WeightsError, DownloadError: the weights cannot be had or do not fit.
        UnsupportedError: the network is not in float32, or does not run.
        OptionError: the publisher's weights have another number of classes.
    """
    origin: Literal["default", "random", "file"]
    if weights == "default":
        if classes not in (None, len(architecture.labels)) and architecture.labels:
            raise OptionError(
                f"{architecture.weights_name} has {len(architecture.labels)} classes, --labels "
                f"names {classes}: give the weights of your own training with --weights PATH"
            )
        network = architecture.publish().eval()
        if architecture.compare:
            architecture.compare(network, size, channels or input_channels(network, size))
        origin, name = "default", architecture.weights_name
    elif weights == "random":
        network = _seeded(architecture, seed, size, classes, channels)
        origin, name = "random", f"random, seed {seed}"
    else:
        network, name = _from_file(architecture, Path(weights), classes)
        origin = "file"
    leave_inference_mode(network)
    require_float32(network, architecture.name)
    network.requires_grad_(False)  # gradients are those of activations; its own cost memory
    source = Source(
        weights=origin,
        name=name,
        seed=seed if origin == "random" else None,
        randomised_from=None,
        digest=digest_state(network),
    )
    return network, source
