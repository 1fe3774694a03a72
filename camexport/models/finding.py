"""From `--model` and `--weights` to a network in eval mode."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import nn

from camexport.errors import OptionError, UnknownModelError
from camexport.models import built_in, own_models, timm_models, torchvision_models
from camexport.models._architecture import Architecture
from camexport.random_weights import seeded
from camexport.weights import digest_state, fit_state, read_state
from camruntime.bundle import Source
from camruntime.errors import nearest


def find_architecture(name: str) -> Architecture:
    """The architecture that `--model name` means.

    Raises:
        UnknownModelError: with the nearest names.
    """
    if not name.startswith(timm_models.PREFIX):  # of which an own module of that name is hidden
        for find in (built_in.find, own_models.find, torchvision_models.find):
            found = find(name)
            if found is not None:
                return found
    found = timm_models.find(name)
    if found is None:
        raise UnknownModelError(
            f"no model '{name}': {nearest(name, known_models())} (`camexport models` lists them; "
            "package.module:callable for your own)"
        )
    return found


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


def load_network(
    architecture: Architecture,
    weights: str,
    seed: int,
    size: tuple[int, int],
    classes: int | None = None,
) -> tuple[nn.Module, Source]:
    """Make the network with its weights, in eval mode.

    Args:
        architecture: from `find_architecture`.
        weights: `default`, `random`, or the path of a state dict.
        seed: of random weights.
        size: `(H, W)` at which random weights are calibrated.
        classes: number of classes where it is not the architecture's own.

    Raises:
        WeightsError, DownloadError: the weights cannot be had or do not fit.
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
        origin, name = "default", architecture.weights_name
    elif weights == "random":
        network = seeded(lambda: architecture.make(classes), seed, size)
        origin, name = "random", f"random, seed {seed}"
    else:
        path = Path(weights)
        state = read_state(path)
        network = architecture.make(classes).eval()
        fit_state(network, state, path.name)
        origin, name = "file", path.name
    source = Source(
        weights=origin,
        name=name,
        seed=seed if origin == "random" else None,
        digest=digest_state(network),
    )
    return network, source
