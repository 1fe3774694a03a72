"""HED, Holistically-Nested Edge Detection (Xie and Tu, ICCV 2015): one network, two conventions.

The convolutions of VGG16, without its last pooling; after each of the five stages a 1x1 convolution
draws an edge map of its own, which is enlarged bilinearly to the picture; a sixth 1x1 convolution
weighs the five, before any sigmoid. Published weights differ in their names, and in how they treat
the border.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from camexport.errors import WeightsError
from camexport.weights import fit_state

MEAN = (104.00698793, 116.66876762, 122.67891434)
"""Of blue, green and red, for values 0-255; subtracted before the first convolution."""

_WIDTHS = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)  # channels, per stage


@dataclass(frozen=True, kw_only=True)
class Family:
    """What one kind of weights calls its layers, and how it was trained to treat the border.

    Attributes:
        layers: names of the thirteen convolutions, five side outputs and the fusion, in this order.
        padding: of the first convolution; the others have 1.
        incomplete: whether pooling keeps windows that reach over the edge (Caffe's do). Side
            outputs are then enlarged by exactly their stride and what the first padding added is
            cut off; otherwise each is stretched to the picture's size.
    """

    layers: tuple[str, ...]
    padding: int
    incomplete: bool


class Hed(nn.Module):
    """`(n, 3, H, W)` BGR 0-255 minus `MEAN` -> edge probability `(n, 1, H, W)`, float32."""

    def __init__(self, family: Family) -> None:
        super().__init__()
        self.family = family
        self.stages = nn.ModuleList()
        channels = 3
        for widths in _WIDTHS:
            layers: list[nn.Module] = []
            if channels > 3:
                layers.append(nn.MaxPool2d(2, ceil_mode=family.incomplete))
            for width in widths:
                padding = family.padding if channels == 3 else 1
                layers += [nn.Conv2d(channels, width, 3, padding=padding), nn.ReLU()]
                channels = width
            self.stages.append(nn.Sequential(*layers))
        self.sides = nn.ModuleList(nn.Conv2d(widths[-1], 1, 1) for widths in _WIDTHS)
        self.fusion = nn.Conv2d(len(_WIDTHS), 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Edge probabilities; with padding 1, height and width are at least 16."""
        features, maps = pictures, []
        for index, (stage, side) in enumerate(zip(self.stages, self.sides, strict=True)):
            features = stage(features)
            maps.append(self._enlarged(side(features), 2**index, pictures))
        return torch.sigmoid(self.fusion(torch.cat(maps, 1)))

    def _enlarged(self, side: Tensor, stride: int, pictures: Tensor) -> Tensor:
        """`(n, 1, h, w)` -> `(n, 1, H, W)`.

        Caffe's definition is a deconvolution with a bilinear kernel of 2 * stride, cropped by 34
        at stride 1, else by 34 + stride / 2 (35, 36, 38, 42). Its kernel reaches half a stride
        beyond the cells, and there only does it differ from an interpolation: hence one margin,
        34, for all.
        """
        height, width = pictures.shape[2:]
        if stride > 1 and self.family.incomplete:
            side = interpolate(side, scale_factor=stride, mode="bilinear", align_corners=False)
        elif stride > 1:
            side = interpolate(side, size=(height, width), mode="bilinear", align_corners=False)
        margin = self.family.padding - 1
        return side[:, :, margin : margin + height, margin : margin + width]


def load_hed(state: Mapping[str, Tensor], origin: str) -> Hed:
    """The network for a state dict, recognised by its names, with its weights, in eval mode.

    Args:
        state: names to tensors; the prefix `module.` of `nn.DataParallel` is ignored.
        origin: of the weights, for messages.

    Raises:
        WeightsError: these are no HED weights; a name is missing or left over; a shape differs.
    """
    plain = {name.removeprefix("module."): value for name, value in state.items()}
    family = max(FAMILIES, key=lambda each: len(_keys(each.layers) & plain.keys()))
    keys = _keys(family.layers)
    if not keys & plain.keys():
        known = " or ".join(f"{each.layers[0]}.weight …" for each in FAMILIES)
        raise WeightsError(f"{origin} holds no HED weights: expected {known}, found {_few(state)}")
    if keys != plain.keys():
        raise WeightsError(
            f"{origin} holds other HED weights than expected: missing {_few(keys - plain.keys())}; "
            f"not known {_few(plain.keys() - keys)}"
        )
    network = Hed(family)
    _check_shapes(network, plain, origin)
    fit_state(network, {own: plain[name] for own, name in _names(network).items()}, origin)
    return network.eval()


def _names(network: Hed) -> dict[str, str]:
    """The network's own names of its weights -> the family's."""
    own = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    pairs = zip(own, network.family.layers, strict=True)
    return {f"{a}.{part}": f"{b}.{part}" for a, b in pairs for part in ("weight", "bias")}


def _check_shapes(network: Hed, state: Mapping[str, Tensor], origin: str) -> None:
    wanted = network.state_dict()
    for own, name in _names(network).items():
        if state[name].shape != wanted[own].shape:
            raise WeightsError(
                f"{origin}: {name} has shape {tuple(state[name].shape)}, "
                f"HED's has {tuple(wanted[own].shape)}"
            )


def _keys(layers: Iterable[str]) -> set[str]:
    return {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}


def _few(names: Iterable[str]) -> str:
    ordered = sorted(names)
    more = f" and {len(ordered) - 5} more" if len(ordered) > 5 else ""
    return (", ".join(ordered[:5]) or "none") + more


def _port(prefix: str) -> Family:
    """`network-bsds500.pytorch`: names count the modules of each stage, poolings and ReLUs too."""
    stages = ("One", "Two", "Thr", "Fou", "Fiv")
    layers = [
        f"{prefix}Vgg{stage}.{2 * index + (number > 0)}"
        for number, stage in enumerate(stages)
        for index in range(len(_WIDTHS[number]))
    ]
    layers += [f"{prefix}Score{stage}" for stage in stages]
    return Family(layers=(*layers, f"{prefix}Combine.0"), padding=1, incomplete=False)


def _caffe() -> Family:
    layers = [
        f"conv{number}_{index}"
        for number, widths in enumerate(_WIDTHS, 1)
        for index in range(1, len(widths) + 1)
    ]
    layers += [f"score_dsn{number}" for number in range(1, len(_WIDTHS) + 1)]
    return Family(layers=(*layers, "score_final"), padding=35, incomplete=True)


FAMILIES = (_port("module"), _port("net"), _caffe())
