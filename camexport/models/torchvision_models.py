"""torchvision's classifiers, with preprocessing and labels from their weights' metadata."""

from __future__ import annotations

from functools import partial

import torchvision
from PIL import Image
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from camexport.models._architecture import Architecture, Published
from camexport.models._published import published
from camruntime.bundle import Input
from camruntime.pictures import Picture


def names() -> list[str]:
    """All of torchvision's classification models."""
    return list(torchvision.models.list_models(module=torchvision.models))


def find(name: str) -> Architecture | None:
    """The architecture called `name`, or None. Downloads nothing."""
    if name not in names():
        return None
    weights = torchvision.models.get_model_weights(name)["DEFAULT"]
    return Architecture(
        name=name,
        make=partial(_make, name),
        publish=partial(_publish, name, weights),
        weights_name=str(weights),
        input=_input(weights),
        input_assumed=False,
        labels=tuple(weights.meta["categories"]),
        published=Published("torchvision", lambda picture: _prepared(weights, picture)),
    )


def _make(name: str, classes: int | None) -> nn.Module:
    options: dict[str, object] = {} if classes is None else {"num_classes": classes}
    builder = torchvision.models.get_model_builder(name)
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = True  # saying nothing gives a warning about a later default
    network: nn.Module = builder(weights=None, **options)
    return network


def _publish(name: str, weights: WeightsEnum) -> nn.Module:
    with published(f"the weights {weights}"):
        network: nn.Module = torchvision.models.get_model(name, weights=weights)
    return network


def _prepared(weights: WeightsEnum, picture: Picture) -> Tensor:
    prepared: Tensor = weights.transforms()(Image.fromarray(picture))
    return prepared[None]


def _input(weights: WeightsEnum) -> Input:
    transform = weights.transforms()
    (side,) = transform.crop_size
    (shorter,) = transform.resize_size
    return Input(
        size=(side, side),
        colour="RGB",
        resize="centre-crop",
        shorter_side=shorter,
        mean=tuple(transform.mean),
        std=tuple(transform.std),
    )
