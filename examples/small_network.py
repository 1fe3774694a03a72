"""A small classifier of grey pictures in which a single cell can decide: build it with camexport.

A defect covers a cell or two of the picture. An average over all cells makes its evidence a
hundredth of the answer; the logarithm of the mean exponential is nearly their maximum, and still
teaches every cell. So what one cell says of the picture is what Recipro-CAM finds there.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

STRIDE = 8  # pixels of a cell along each side
MEAN = 0.5  # for pixel values in [0, 1]
STD = 0.25

_WIDTHS = ((24, 2), (32, 2), (48, 1), (64, 2), (96, 1), (96, 1))  # channels, stride
_KERNEL = {1: 3, 2: 4}  # an even kernel at stride 2 keeps a cell's view centred on the cell
_FLAT = 0.01  # spread, squared, below which nothing is made of noise
_RARE = -2.0  # where training begins: few cells show a defect


class LogMeanExp(nn.Module):
    """Cells `(n, classes, h, w)` -> `log mean exp` of each class's, `(n, classes)`."""

    def forward(self, cells: Tensor) -> Tensor:
        """Between their mean and their maximum."""
        flat = cells.flatten(2)
        return torch.logsumexp(flat, 2) - math.log(flat.shape[2])


class LocalContrast(nn.Module):
    """Each pixel less the mean around it, by the spread around it: a part's own light is gone."""

    def __init__(self, around: int) -> None:
        super().__init__()
        sides = (2 * around + 1, 1), (1, 2 * around + 1)  # one after the other: less to add
        places = (around, 0), (0, around)
        self.mean = nn.Sequential(
            *(
                nn.AvgPool2d(side, 1, place, count_include_pad=False)
                for side, place in zip(sides, places, strict=True)
            )
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Pixels `(n, 1, H, W)` -> the same shape, mostly between -2 and 2."""
        apart = pictures - self.mean(pictures)
        spread: Tensor = self.mean(apart * apart)
        contrast: Tensor = apart / (spread + _FLAT).sqrt()
        return contrast


class SmallNetwork(nn.Module):
    """`(n, 1, H, W)` -> logits `(n, classes)`, of which the first, good, is always 0.

    What is good is where nothing is not: each other class's logit is its log-odds against good.
    With `local`, it sees each pixel relative to those at most so many pixels away.
    """

    def __init__(self, classes: int, local: int = 0) -> None:
        super().__init__()
        layers: list[nn.Module] = [LocalContrast(local)] if local else []
        channels = 1
        for width, stride in _WIDTHS:
            layers += [
                nn.Conv2d(channels, width, _KERNEL[stride], stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            channels = width
        self.features = nn.Sequential(*layers)
        self.cells = nn.Conv2d(channels, classes - 1, kernel_size=1)
        nn.init.constant_(self.cells.bias, _RARE)  # type: ignore[arg-type]  # there is one
        self.pool = LogMeanExp()

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised pictures -> logits."""
        return with_good(self.pool(self.cells(self.features(pictures))))


def with_good(defects: Tensor) -> Tensor:
    """Log-odds `(n, classes - 1, ...)` of pictures or cells -> logits, good's first."""
    return torch.cat([torch.zeros_like(defects[:, :1]), defects], 1)


def make(classes: int, local: int = 0) -> SmallNetwork:
    """For `camexport build --model examples.small_network:make --arg classes=7`."""
    return SmallNetwork(classes, local)
