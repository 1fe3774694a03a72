"""Evaluations that take milliseconds: four of the shipped pictures, two maps that cost nothing."""

from __future__ import annotations

import csv
import shutil
from functools import cache
from pathlib import Path

import camruntime
from camruntime.datasets import open_dataset
from camruntime.evaluation import Evaluation
from camruntime.explainer import Explainer
from camruntime.metrics import make_metric

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
PICTURES = ("crack-1", "good-1", "hole-1", "scratch-1")
METHODS = ("uniform", "centre-gaussian")


@cache
def explainer() -> Explainer:
    return camruntime.load(INSPECTOR, ["cpu"], threads=1)


def pictures(folder: Path) -> Path:
    """A folder per class; one name is not ASCII, as it may be cut in the middle of a character."""
    for name in PICTURES:
        (folder / name[:-2]).mkdir(parents=True, exist_ok=True)
        shutil.copy(
            INSPECTOR / "samples" / f"{name}.png", folder / name[:-2] / f"Bild-ä-{name}.png"
        )
    return folder


def evaluation(data: Path, out: Path, *methods: str) -> Evaluation:
    """Of all pictures in `data`, into `out`."""
    dataset = open_dataset(data, explainer().labels)
    chosen = [explainer().method(spec) for spec in methods or METHODS]
    return Evaluation(explainer(), dataset, chosen, [make_metric("complexity")], out)


def cells(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))
