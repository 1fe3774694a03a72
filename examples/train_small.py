"""Train a small grey classifier on a folder per class, and say how a bundle is built of it.

    python examples/train_small.py DATA --good LABEL --out FOLDER [--test FOLDER] [--folds K]

`DATA/LABEL/*.png` or `.jpg`; labels of the pictures are all that is needed; where there are masks,
`--masks` learns from them, too. `--out` gets `weights.pth` and `labels.txt`. With `--folds`, K
networks are trained instead, each on all but one part of the pictures: `fold-1` ... get the same,
and `held_out.txt` with the names of that part.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from augment import augmented
from cell_labels import cell_labels, cell_loss
from folder_pictures import Pictures, read_pictures
from folds import folds_of
from small_network import MEAN, STD, STRIDE, SmallNetwork, with_good


def normalise(pixels: Tensor) -> Tensor:
    """uint8 `(n, H, W)` -> float32 `(n, 1, H, W)` as the network expects it."""
    return ((pixels.float() / 255 - MEAN) / STD)[:, None]


def train(pictures: Pictures, how: argparse.Namespace) -> SmallNetwork:
    """From scratch; the loss is printed ten times."""
    torch.manual_seed(how.seed)
    network = SmallNetwork(len(pictures.labels), how.local)
    network.to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), lr=how.rate, weight_decay=how.decay)
    steps = max(1, len(pictures.files) // how.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, how.rate, how.epochs * steps, pct_start=0.25
    )
    for epoch in range(1, how.epochs + 1):
        network.train()
        losses = []
        for rows in torch.tensor_split(_order(pictures, how.good_share), steps):
            losses.append(_step(network, optimiser, pictures.part(rows), how))
            schedule.step()
        if epoch % max(1, how.epochs // 10) == 0:
            print(f"epoch {epoch}: loss {sum(losses) / steps:.3f}", flush=True)
    return network.eval()


def _order(pictures: Pictures, good_share: float) -> Tensor:
    """Every picture once; with a share, as many drawn at random, so many of them good."""
    if not good_share:
        return torch.randperm(len(pictures.files))
    good = pictures.classes == 0
    chances = torch.where(good, good_share / good.sum(), (1 - good_share) / (~good).sum())
    return torch.multinomial(chances, len(good), replacement=True)


def _step(
    network: SmallNetwork, optimiser: torch.optim.Optimizer, some: Pictures, how: argparse.Namespace
) -> float:
    layers = normalise(some.pixels)
    if some.masks is not None:
        layers = torch.cat([layers, some.masks[:, None] / 255], 1)
    seen = augmented(layers, how.light, how.upright)
    with torch.autocast("cpu", torch.bfloat16, enabled=how.bfloat16):
        lit = seen[:, :1].contiguous(memory_format=torch.channels_last)
        cells = network.cells(network.features(lit)).float()
    logits = with_good(network.pool(cells))
    loss = nn.functional.cross_entropy(logits, some.classes, label_smoothing=0.02)
    if some.masks is not None:
        loss = loss + cell_loss(with_good(cells), cell_labels(seen[:, 1], some.classes, STRIDE))
    optimiser.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it bare
    optimiser.step()
    return loss.item()


def accuracy(network: nn.Module, pictures: Pictures) -> float:
    """Share of the pictures whose top class is their folder's."""
    with torch.inference_mode():
        tops = [network(normalise(some)).argmax(1) for some in torch.split(pictures.pixels, 100)]
    return float((torch.cat(tops) == pictures.classes).float().mean())


def save(network: nn.Module, pictures: Pictures, out: Path) -> None:
    """What `camexport build` takes."""
    out.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), out / "weights.pth")
    (out / "labels.txt").write_text("\n".join(pictures.labels) + "\n", encoding="utf-8")


def cross_validate(pictures: Pictures, given: argparse.Namespace) -> None:
    """A network for each part of the pictures, which it does not see."""
    for number, (seen, held) in enumerate(folds_of(pictures, given.folds, given.alike), 1):
        out = given.out / f"fold-{number}"
        network = train(seen, given)
        print(f"fold {number}: accuracy {accuracy(network, held):.3f} on what it never saw")
        save(network, pictures, out)
        (out / "held_out.txt").write_text("\n".join(held.files) + "\n", encoding="utf-8")
        print(command(out, pictures, given))


def command(out: Path, pictures: Pictures, given: argparse.Namespace) -> str:
    """That builds what lies in `out`, from the project's folder."""
    made = f"--arg classes={len(pictures.labels)}"
    if given.local:
        made += f" --arg local={given.local}"
    return (
        f"camexport build --model examples.small_network:make {made}"
        f" --weights {out / 'weights.pth'} --labels {out / 'labels.txt'}"
        f" --good '{pictures.labels[0]}' --channels 1 --size {given.size} --mean {MEAN} --std {STD}"
        f" --resize squash --out {out / 'bundle'}"
    )


def arguments(given: list[str] | None) -> argparse.Namespace:
    """What the command line says, checked."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--good", default="good", help="the folder of good parts")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--test", type=Path, help="other pictures, to measure on")
    parser.add_argument("--folds", type=int, default=0, help="a cross-validation's")
    parser.add_argument("--alike", type=float, default=0, help="folds: 0.6 keeps an object in one")
    parser.add_argument("--size", type=int, default=128, help="pixels of the input's sides")
    parser.add_argument("--epochs", type=int, default=120)
    parser.add_argument("--batch", type=int, default=50, help="16 of some hundred pictures")
    parser.add_argument("--rate", type=float, default=4e-3, help="of learning, at its highest")
    parser.add_argument("--light", type=float, default=0, help="augmentation: 0.3 of photographs")
    parser.add_argument("--upright", action="store_true", help="augmentation: no quarter turns")
    parser.add_argument("--local", type=int, default=0, help="pixels: contrast with those around")
    parser.add_argument("--good-share", type=float, default=0, help="where few are good: 0.3")
    parser.add_argument("--decay", type=float, default=1e-2, help="of weights")
    parser.add_argument(
        "--masks", action="store_true", help="label cells by PNGs beside photographs"
    )
    parser.add_argument("--bfloat16", action="store_true", help="faster where processors have it")
    parser.add_argument("--seed", type=int, default=0)
    found = parser.parse_args(given)
    if found.size % STRIDE or found.size < 2 * STRIDE:
        parser.error(f"--size is a multiple of {STRIDE}, and at least {2 * STRIDE}")
    return found


def main(argv: list[str] | None = None) -> None:
    """Read, train, save, and say how to go on."""
    given, started = arguments(argv), time.monotonic()
    pictures = read_pictures(given.data, given.good, given.size, given.masks)
    if given.folds:
        cross_validate(pictures, given)
        return
    network = train(pictures, given)
    save(network, pictures, given.out)
    if given.test:
        fresh = read_pictures(given.test, given.good, given.size)
        print(f"accuracy {accuracy(network, fresh):.3f} on {given.test}")
    print(f"{time.monotonic() - started:.0f} s. Build it with:")
    print(command(given.out, pictures, given))


if __name__ == "__main__":
    main()
