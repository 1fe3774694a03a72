"""PatchCore, of anomalib, with MobileNetV2: what good parts alone teach.

    PYTHON patchcore.py WEIGHTS TRAIN.txt SHOWN.txt OUT.npy [--size 256] [--share 0.01]

Run by a Python that has anomalib; the lists name a picture a line. `OUT.npy` gets float32
`(pictures, size, size)`. Features of strides 8 and 16, as in the paper; the coreset is a share of
all patches.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from torch import Tensor, nn
from torchvision.models import mobilenet_v2

LAYERS = {"stride8": 7, "stride16": 14}  # how many blocks of MobileNetV2's features
BATCH = 20


class Features(nn.Module):
    """MobileNetV2 at two depths, in place of anomalib's extractor, which would download weights."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        network = mobilenet_v2()
        state = torch.load(weights, weights_only=True)
        network.load_state_dict({name: value.float() for name, value in state.items()})
        self.blocks = network.features[: max(LAYERS.values())]

    def forward(self, pictures: Tensor) -> dict[str, Tensor]:
        """By layer."""
        found: dict[str, Tensor] = {}
        for count, block in enumerate(self.blocks, 1):
            pictures = block(pictures)
            found |= {name: pictures for name, blocks in LAYERS.items() if blocks == count}
        return found


def read(files: list[str], size: int) -> Tensor:
    """Normalised, `(n, 3, size, size)`."""
    seen = [cv2.cvtColor(np.asarray(cv2.imread(file)), cv2.COLOR_BGR2RGB) for file in files]
    squashed = [cv2.resize(one, (size, size), interpolation=cv2.INTER_AREA) for one in seen]
    return torch.from_numpy(np.stack(squashed)).permute(0, 3, 1, 2).float() / 127.5 - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("weights", "train", "shown", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--share", type=float, default=0.01)
    given = parser.parse_args()
    torch.manual_seed(0)
    model = PatchcoreModel(layers=list(LAYERS), backbone="resnet18", pre_trained=False)
    model.feature_extractor = Features(given.weights).eval()
    good, shown = (file.read_text("utf-8").splitlines() for file in (given.train, given.shown))
    model.train()
    model.feature_extractor.eval()
    for start in range(0, len(good), BATCH):
        model(read(good[start : start + BATCH], given.size))
    model.subsample_embedding(given.share)
    model.eval()
    with torch.inference_mode():
        batches = (shown[start : start + BATCH] for start in range(0, len(shown), BATCH))
        maps = [model(read(batch, given.size)).anomaly_map[:, 0].numpy() for batch in batches]
    np.save(given.out, np.concatenate(maps).astype(np.float32))


if __name__ == "__main__":
    main()
