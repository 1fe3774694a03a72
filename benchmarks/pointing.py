"""Do the inspector's maps hit the defect? The pointing game on generated defects.

    python benchmarks/pointing.py [--count 200] [--bundle exported_models/inspector]

A hit: the most salient pixel of the map of the true label lies on the defect, exactly or within 4
pixels of it (a cell of the target layer is 8 pixels wide). Beside it two baselines that look at
nothing: the image's centre, and the chance that a random pixel hits.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track
from rich.table import Table

import camruntime
from camexport.inspector import LABELS, SIZE
from camexport.inspector.surfaces import Surface, draw
from camruntime.methods import METHODS as REGISTERED

SEED = 4  # not one that training or the fresh surfaces use
TOLERANCE = 4
THOUSANDS = {"is-cam", "rise", "ss-cam"}
"""Of passes for a map: 200 defects would take hours."""
METHODS = (
    *sorted(REGISTERED.keys() - THOUSANDS),
    *("score-cam:preset=official", "recipro-cam:mask=gaussian"),
)


def defects(count: int) -> list[Surface]:
    """`count` surfaces with a defect, the four kinds in turn."""
    rng = np.random.default_rng(SEED)
    return [draw(rng, 1 + index % (len(LABELS) - 1)) for index in range(count)]


def share(hits: list[bool], kinds: list[int]) -> list[str]:
    """Percent of hits: all, then each kind of defect."""
    rows = [hits] + [
        [hit for hit, kind in zip(hits, kinds, strict=True) if kind == wanted]
        for wanted in range(1, len(LABELS))
    ]
    return [f"{100 * np.mean(row):.1f}" for row in rows]


def grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """`mask` and everything within `pixels` of it."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cv2.dilate(mask.astype(np.uint8), disc) > 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--bundle", default="exported_models/inspector")
    arguments = parser.parse_args()
    explainer = camruntime.load(arguments.bundle)
    surfaces = defects(arguments.count)
    kinds = [surface.label for surface in surfaces]
    peaks: dict[str, list[tuple[int, int]]] = {name: [] for name in METHODS}
    for surface in track(surfaces, "explaining"):
        for name in METHODS:
            saliency = explainer.explain(surface.image, name, surface.label).photo_saliency
            row, column = divmod(int(saliency.argmax()), SIZE)
            peaks[name].append((row, column))
    peaks["image centre"] = [(SIZE // 2, SIZE // 2)] * len(surfaces)

    table = Table("map", "hits", *LABELS[1:], title=f"pointing game, {len(surfaces)} defects, %")
    readings: dict[str, Callable[[NDArray[np.bool_]], NDArray[np.bool_]]] = {
        "on the defect": lambda mask: mask,
        f"within {TOLERANCE} px": lambda mask: grown(mask, TOLERANCE),
    }
    for reading, widen in readings.items():
        masks = [widen(surface.mask) for surface in surfaces]
        table.add_row(f"[bold]{reading}[/]")
        for name, places in peaks.items():
            hits = [bool(mask[place]) for mask, place in zip(masks, places, strict=True)]
            table.add_row(name, *share(hits, kinds))
        areas = [float(mask.mean()) for mask in masks]
        by_kind = [
            np.mean([area for area, kind in zip(areas, kinds, strict=True) if kind == wanted])
            for wanted in range(1, len(LABELS))
        ]
        chances = [f"{100 * chance:.1f}" for chance in (np.mean(areas), *by_kind)]
        table.add_row("random pixel (expected)", *chances, end_section=True)
    Console().print(table)


if __name__ == "__main__":
    main()
