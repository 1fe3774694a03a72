"""timm's classifiers, with preprocessing and labels from their pretrained configuration.

`timm:NAME`, with or without a tag (`timm:resnet18.a1_in1k`); a bare NAME where torchvision has no
network of that name.
"""

from __future__ import annotations

import math
from functools import partial

import timm
from PIL import Image
from timm.data.config import resolve_data_config
from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset
from timm.data.transforms_factory import create_transform
from timm.models import PretrainedCfg
from torch import Tensor, nn

from camexport.errors import UnknownModelError, UnsupportedError, one_line
from camexport.models._architecture import IMAGENET_MEAN, IMAGENET_STD, Architecture, Published
from camexport.models._published import published
from camruntime.bundle import Input, ResizeMode
from camruntime.pictures import Picture

PREFIX = "timm:"

_RESIZE: dict[str, ResizeMode] = {
    "center": "centre-crop",
    "squash": "squash",
    "border": "letterbox",
}


def names() -> list[str]:
    """All of timm's networks, without tags."""
    return list(timm.list_models())


def find(name: str) -> Architecture | None:
    """The architecture called `name`, or None. Downloads nothing.

    Raises:
        UnknownModelError: timm has the network, but no weights of that tag.
        UnsupportedError: it does not take three channels.
    """
    bare = name.removeprefix(PREFIX)
    if not timm.is_model(bare):
        return None
    try:
        config = timm.get_pretrained_cfg(bare, allow_unregistered=True) or PretrainedCfg()
    except RuntimeError as error:
        raise UnknownModelError(f"timm has no weights of that tag: {one_line(error)}") from error
    if config.input_size[0] != 3:
        raise UnsupportedError(
            f"{bare} takes {config.input_size[0]} channel(s); camexport builds networks that take "
            "three, red, green and blue"
        )
    return Architecture(
        name=name,
        make=partial(_make, bare, config),
        publish=partial(_publish, bare, config),
        weights_name=f"timm {config.architecture or bare}.{config.tag or 'default'}",
        input=_input(config),
        input_assumed=config.architecture is None,
        labels=_labels(config),
        published=Published("timm", lambda picture: _prepared(config, picture)),
    )


def _make(name: str, config: PretrainedCfg, classes: int | None) -> nn.Module:
    if not config.num_classes and classes is None:
        raise UnsupportedError(
            f"{name} gives features and no classes: train a classifier on it, and give --weights "
            "PATH and --labels FILE"
        )
    count = config.num_classes if classes is None else classes
    network: nn.Module = timm.create_model(name, pretrained=False, num_classes=count)
    return network


def _publish(name: str, config: PretrainedCfg) -> nn.Module:
    if not config.num_classes:
        _make(name, config, None)
    with published(f"timm's weights of {name}"):
        network: nn.Module = timm.create_model(name, pretrained=True)
    return network


def _prepared(config: PretrainedCfg, picture: Picture) -> Tensor:
    known = resolve_data_config({}, pretrained_cfg=vars(config))  # type: ignore[no-untyped-call]
    prepared: Tensor = create_transform(**known)(Image.fromarray(picture))
    return prepared[None]


def _input(config: PretrainedCfg) -> Input:
    _, height, width = config.input_size
    resize = _RESIZE.get(config.crop_mode, "centre-crop")
    shorter = math.floor(min(height, width) / config.crop_pct) if resize == "centre-crop" else None
    return Input(
        size=(height, width),
        colour="RGB",
        resize=resize,
        shorter_side=shorter,
        mean=_triple(config.mean, IMAGENET_MEAN),
        std=_triple(config.std, IMAGENET_STD),
    )


def _triple(
    values: tuple[float, ...] | None, usual: tuple[float, float, float]
) -> tuple[float, float, float]:
    red, green, blue = values or usual
    return red, green, blue


def _labels(config: PretrainedCfg) -> tuple[str, ...]:
    """ImageNet's, of whichever subset has as many classes; empty for another set of classes."""
    if config.label_names:
        return tuple(config.label_names)
    subset = infer_imagenet_subset({"num_classes": config.num_classes})
    if subset is None:
        return ()
    info = ImageNetInfo(subset)
    return tuple(info.index_to_description(index) for index in range(config.num_classes))
