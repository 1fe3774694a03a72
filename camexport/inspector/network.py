"""The inspector: a small convolutional classifier of surface defects.

`(n, 3, 128, 128)` -> five logits (`surfaces.LABELS`). The features keep a 16 x 16 grid, fine
enough for a saliency map to follow a scratch, and a global average leads to one linear layer, so
that CAM's closed form holds for it.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from camexport.inspector.surfaces import LABELS

WEIGHTS = Path(__file__).parent / "inspector.safetensors"
MEAN = 0.5  # of all three channels, for pixel values in [0, 1]
STD = 0.25
GRID = 16  # cells of the target layer along each side

_WIDTHS = ((24, 2), (32, 2), (48, 1), (64, 2), (96, 1), (96, 1))  # channels, stride
_KERNEL = {1: 3, 2: 4}  # an even kernel at stride 2 keeps a cell's view centred on the cell


class Inspector(nn.Module):
    """Six convolutions with batch norm and ReLU, global average pooling, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, stride in _WIDTHS:
            layers += [
                nn.Conv2d(channels, width, _KERNEL[stride], stride, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
            channels = width
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, len(LABELS))

    def forward(self, images: Tensor) -> Tensor:
        """`(n, 3, 128, 128)` float32, normalised -> logits `(n, 5)`."""
        return self.classify(self.features(images))

    def classify(self, features: Tensor) -> Tensor:
        """Activations `(n, 96, 16, 16)` -> logits `(n, 5)`."""
        logits: Tensor = self.classifier(self.pool(features).flatten(1))
        return logits
