"""The bundles and data sets of evaluations, made where they are missing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
from evidence.datasets import magnetic_tiles

from camexport.inspector import LABELS
from camexport.inspector.surfaces import draw
from camruntime.pictures import encode_png
from results.runs import Run

DEFECTS = 500
SEED = 6  # not one that training, samples or other benchmarks use


def prepare(run: Run, data: Path | None) -> None:
    """The bundle, and for the inspector the defects."""
    if run.name == "inspector-defects" and not run.dataset.is_dir():
        draw_defects(run.dataset)
    if run.name == "tiles-defects" and data and not run.dataset.is_dir():
        copy_tiles(data, run.dataset)
    if run.bundle.is_dir():
        return
    model = run.bundle.name.removesuffix("-bundle")
    own = {"mobilenet_v2": ("225", "0.5", "0.5"), "squeezenet1_0": ("227", None, None)}
    size, mean, std = own[model]
    command = ["camexport", "build", "--model", model, "--size", size, "--resize", "squash"]
    command += ["--mean", mean, "--std", std] if mean and std else []
    command += ["--weights", f"{data}/classifiers/{model}.pth", "--out", str(run.bundle)]
    command += ["--labels", f"{data}/classifiers/imagenet_labels.txt"]
    subprocess.run(command, check=True)


def draw_defects(folder: Path) -> None:
    """A folder per kind of defect, `N.png` beside `N_mask.png`."""
    rng = np.random.default_rng(SEED)
    for index in range(DEFECTS):
        surface = draw(rng, 1 + index % (len(LABELS) - 1))
        place = folder / LABELS[surface.label]
        place.mkdir(parents=True, exist_ok=True)
        mask = np.repeat(surface.mask[..., None], 3, axis=2).astype(np.uint8) * 255
        (place / f"{index:03d}.png").write_bytes(encode_png(surface.image))
        (place / f"{index:03d}_mask.png").write_bytes(encode_png(mask))


def copy_tiles(data: Path, folder: Path) -> None:
    """The defects that the first of three networks was not trained with, trained where missing."""
    for item in magnetic_tiles(data, folder.parent / "evidence").folds[0].shown:
        if isinstance(item.place, Path):
            place = folder / item.kind
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(item.picture, place / item.picture.name)
            shutil.copy(item.place, place / f"{item.picture.stem}_mask.png")
