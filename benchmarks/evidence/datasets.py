"""The data sets: their networks, trained and built where they are missing, and pictures."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from camruntime.pictures import encode_png
from evidence.explained import Fold
from evidence.sources import Item, boards, good_surfaces, surfaces, tiles

ROOT = Path(__file__).parents[2]
TRAINING = ROOT / "examples" / "train_small.py"
FOLDS = 3
ALPHA = 0.05
TILE_ALPHA = 0.05  # a fold holds 20 good tiles: it takes 19
TILE_OPTIONS = [
    *(
        "--alike",
        "0.6",
        "--epochs",
        "80",
        "--batch",
        "16",
        "--rate",
        "1e-3",
        "--decay",
        "0.1",
        "--bfloat16",
    ),
    *("--local", "8", "--good-share", "0.3", "--upright", "--light", "0.3"),
]
SURFACES_TO_LEARN = 300  # good ones, of PatchCore


@dataclass(frozen=True)
class DataSet:
    """A data set.

    Attributes:
        name: of its files.
        title: in words.
        good: label of good parts.
        folds: networks, and what each is shown; the same pictures may calibrate and be shown where
            thresholds are taken from splits over all folds.
        learned: for each fold, good parts that PatchCore learns from.
    """

    name: str
    title: str
    good: str
    folds: tuple[Fold, ...]
    learned: tuple[tuple[Path, ...], ...]


def circuit_boards(data: Path, work: Path) -> DataSet:
    """A network of the training boards, and other boards."""
    folder = data / "circuit_boards"
    out = work / "boards"
    given = ["--good", "good", "--test", str(folder / "test"), "--bfloat16"]
    _train(folder / "train", out, given, [out])
    fold = _halves(boards(folder / "test"), "good", out / "bundle")
    learned = tuple(sorted((folder / "train" / "good").glob("*.png")))
    return DataSet("boards", "Circuit boards", "good", (fold,), (learned,))


def magnetic_tiles(data: Path, work: Path) -> DataSet:
    """Three networks, each shown the tiles that it was not trained with."""
    return _tiles(data, work, "tiles", TILE_OPTIONS)


def masked_tiles(data: Path, work: Path) -> DataSet:
    """The same, of networks that were shown where the defects of the other tiles are."""
    return _tiles(data, work, "tiles-masks", [*TILE_OPTIONS, "--masks"])


def _tiles(data: Path, work: Path, name: str, options: Sequence[str]) -> DataSet:
    folder, out = data / "magnetic_tile", work / name
    outs = [out / f"fold-{number}" for number in range(1, FOLDS + 1)]
    given = ["--good", "Free", "--folds", str(FOLDS), *options]
    _train(folder, out, given, outs)
    folds, learned = [], []
    for one in outs:
        names = (one / "held_out.txt").read_text("utf-8").splitlines()
        shown = tuple(tiles(folder, names))
        good = tuple(item for item in shown if item.kind == "Free")
        folds.append(Fold(one / "bundle", good, shown, TILE_ALPHA))
        held = {item.picture for item in good}
        learned.append(tuple(sorted(set(folder.glob("Free/*.jpg")) - held)))
    return DataSet(name, "Magnetic tiles", "Free", tuple(folds), tuple(learned))


def inspector(_data: Path, work: Path) -> DataSet:
    """The built-in network, and surfaces drawn for this page."""
    learned = work / "learned"
    if not learned.is_dir():
        learned.mkdir(parents=True)
        for index, image in enumerate(good_surfaces(SURFACES_TO_LEARN)):
            (learned / f"{index}.png").write_bytes(encode_png(image))
    bundle = ROOT / "exported_models" / "inspector"
    fold = _halves(surfaces(work / "surfaces"), "good", bundle)
    good = tuple(sorted(learned.glob("*.png")))
    return DataSet("inspector", "Drawn surfaces", "good", (fold,), (good,))


DATA_SETS = {
    "inspector": inspector,
    "tiles": magnetic_tiles,
    "tiles-masks": masked_tiles,
    "boards": circuit_boards,
}


def _halves(items: Sequence[Item], good: str, bundle: Path) -> Fold:
    """Every second good part, in an order of chance, calibrates."""
    order = np.random.default_rng(0).permutation([item.kind == good for item in items].count(True))
    parts = [item for item in items if item.kind == good]
    calibrating = tuple(parts[row] for row in sorted(order[: len(parts) // 2].tolist()))
    taken = set(calibrating)
    return Fold(bundle, calibrating, tuple(one for one in items if one not in taken), ALPHA)


def _train(data: Path, out: Path, given: Sequence[str], outs: Sequence[Path]) -> None:
    """Trains and builds what is not there, by the commands that the example prints."""
    if all((one / "bundle").is_dir() for one in outs):
        return
    log = out / "training.log"
    if not log.is_file():
        out.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, str(TRAINING), str(data), "--out", str(out), *given]
        done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
        log.write_text(done.stdout, encoding="utf-8")
    for line in log.read_text("utf-8").splitlines():
        if line.startswith("camexport build"):
            program = [sys.executable, "-m", *shlex.split(line), "--force"]
            subprocess.run(program, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
