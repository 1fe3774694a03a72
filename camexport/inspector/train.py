"""Train the inspector on drawn surfaces: `python -m camexport.inspector.train`.

Takes about three minutes on two cores and overwrites the weights that the project ships.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from safetensors.torch import save_file
from torch import Tensor, nn

from camexport.inspector.network import MEAN, STD, WEIGHTS, Inspector
from camexport.inspector.surfaces import LABELS, draw_many

TRAIN_SEED = 1
FRESH_SEED = 2  # surfaces that training never saw


def surfaces(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """`count` drawn surfaces: uint8 images `(count, 3, 128, 128)` and their labels `(count,)`."""
    drawn = list(draw_many(seed, count))
    images = np.stack([surface.image for surface in drawn]).transpose(0, 3, 1, 2)
    labels = torch.tensor([surface.label for surface in drawn])
    return torch.from_numpy(np.ascontiguousarray(images)), labels


def normalise(images: Tensor) -> Tensor:
    """uint8 `[0, 255]` -> float32 as the network expects it."""
    return (images.float() / 255 - MEAN) / STD


def accuracy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of `images` (uint8) whose top class is their label."""
    network.eval()
    with torch.inference_mode():
        hits = [
            int((network(normalise(x)).argmax(1) == y).sum())
            for x, y in zip(torch.split(images, 100), torch.split(labels, 100), strict=True)
        ]
    return sum(hits) / len(labels)


def train(count: int = 6000, epochs: int = 8, batch: int = 50, seed: int = 0) -> Inspector:
    """Train from scratch on `count` drawn surfaces, mirrored at random each epoch."""
    torch.manual_seed(seed)
    network = Inspector()
    images, labels = surfaces(TRAIN_SEED, count)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-2)
    steps = epochs * (count // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps)
    for epoch in track(range(epochs), "training"):
        network.train()
        for rows in torch.split(torch.randperm(count), batch):
            mirrored = [axis for axis in (2, 3) if torch.rand(()) < 0.5]
            logits = network(normalise(images[rows].flip(mirrored)))
            loss = nn.functional.cross_entropy(logits, labels[rows], label_smoothing=0.02)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
            optimiser.step()
            schedule.step()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}")
    return network


def main() -> None:
    """Train, measure on fresh surfaces, and write the weights if they are good enough."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    out: Path = parser.parse_args().out
    network = train()
    images, labels = surfaces(FRESH_SEED, 2000)
    reached = accuracy(network, images, labels)
    print(f"accuracy on 2000 fresh surfaces: {reached:.4f} ({', '.join(LABELS)})")
    if reached < 0.97:
        raise SystemExit("below 97 percent: the weights were not written")
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, out)


if __name__ == "__main__":
    main()
