"""How near anytime Score-CAM comes to the exact map, and whether its bounds hold.

    python benchmarks/anytime.py PICTURES BUNDLE [PICTURES BUNDLE ...] [--cache build/anytime]

Every picture's exact Score-CAM (its five most probable classes, preset `paper`) is computed once
and kept in the cache, so the script goes on where it was; then the method is replayed from what was
recorded with several shares of the forward passes, for the most probable class. Beside it stands
the plain order: the channels with the largest activation maps, the others left out. What a sample
certifies comes from `anytime_certificate`. Writes `benchmarks/anytime.png`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anytime_certificate
import matplotlib as mpl
import numpy as np
from anytime_recorded import Recorded, correlation, record
from rich.console import Console
from rich.progress import track
from rich.table import Table

import camruntime
from camruntime.bundle import open_bundle
from camruntime.datasets import is_picture
from camruntime.graphs import Graphs
from camruntime.methods import AnytimeScoreCAM

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the choice of its backend

SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
PLOT = Path(__file__).parent / "anytime.png"
console = Console(width=None if sys.stdout.isatty() else 140)


@dataclass(frozen=True)
class Point:
    """One photograph at one share: true correlations, ours and the plain order's, and our bound."""

    ours: float
    plain: float
    estimate: float
    bound: float


def measure(one: Recorded, share: float) -> Point:
    exact, graphs = one.exact(), one
    as_graphs: Graphs = graphs  # type: ignore[assignment]  # the one call that the method makes
    found = AnytimeScoreCAM(share=share)(as_graphs, one.forward, [0])
    near = found.approximations[0]
    order = np.argsort(-one.forward.activations[0].sum((1, 2)))[: near.evaluated]
    return Point(
        ours=correlation(found.raw[0], exact),
        plain=correlation(one.map_of(order), exact),
        estimate=near.correlation_estimate,
        bound=near.correlation_bound,
    )


def row(share: float, points: list[Point]) -> list[str]:
    columns = {
        name: np.array([getattr(one, name) for one in points])
        for name in ("ours", "plain", "estimate", "bound")
    }
    over = [
        int((columns[name] > columns["ours"] + 1e-6).sum()) for name in ("estimate", "bound")
    ]  # rounding: the maps are float32
    return [
        f"{share:g}",
        f"{columns['ours'].mean():.4f}",
        f"{columns['ours'].min():.4f}",
        f"{columns['plain'].mean():.4f}",
        f"{columns['plain'].min():.4f}",
        f"{columns['bound'].mean():.3f}",
        f"{columns['bound'].min():.3f}",
        f"{over[1]}",
        f"{columns['estimate'].mean():.3f}",
        f"{over[0]}",
    ]


def draw(axis: Any, title: str, curves: dict[float, list[Point]]) -> None:
    shares = list(curves)
    for name, colour, label in (
        ("ours", "tab:blue", "anytime-score-cam"),
        ("plain", "tab:orange", "largest maps, others left out"),
        ("bound", "tab:green", "its stated bound"),
    ):
        values = np.array([[getattr(one, name) for one in curves[share]] for share in shares])
        missing = np.maximum(1 - values, 1e-6)
        axis.plot(shares, missing.mean(1), colour, label=f"{label}, mean")
        axis.plot(shares, missing.max(1), colour, linestyle="--", label=f"{label}, worst")
    axis.axhline(0.01, color="grey", linewidth=0.7)
    axis.set(xscale="log", yscale="log", ylim=(1e-6, 1.2), title=title)
    axis.set_xticks(shares, [f"{100 * share:g}" for share in shares], minor=False)
    axis.minorticks_off()
    axis.set_xlabel("forward passes, percent of the exact map's")
    axis.set_ylabel("1 - correlation with the exact map")
    axis.grid(visible=True, linewidth=0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pairs", type=Path, nargs="+", help="PICTURES BUNDLE, one after the other")
    parser.add_argument("--cache", type=Path, default=Path("build/anytime"))
    arguments = parser.parse_args()
    if len(arguments.pairs) % 2:
        parser.error("a bundle follows each folder of pictures")
    pairs = list(zip(arguments.pairs[::2], arguments.pairs[1::2], strict=True))
    figure, axes = plt.subplots(2, len(pairs), figsize=(6 * len(pairs), 10), squeeze=False)
    for (folder, bundle), (above, below) in zip(pairs, axes.T, strict=True):
        photos = sorted(filter(is_picture, folder.iterdir()))
        explainer = camruntime.load(bundle)
        name = open_bundle(bundle).manifest.model
        recorded = [
            record(explainer, photo, arguments.cache / name) for photo in track(photos, name)
        ]
        curves = {
            share: [measure(one, share) for one in track(recorded, f"{share:g}")]
            for share in SHARES
        }
        title = f"{name}, {len(photos)} pictures"
        table = Table(
            "share", "mean", "worst", "plain mean", "plain worst", "bound mean", "bound worst",
            "bound broken", "estimate mean", "estimate too high", title=title,
        )  # fmt: skip
        for share, points in curves.items():
            table.add_row(*row(share, points))
        console.print(table)
        draw(above, title, curves)
        unseen = [
            one
            for photo, one in zip(photos, recorded, strict=True)
            if anytime_certificate.is_unseen(photo)
        ]
        bounds = {
            share: float(np.mean([max(one.bound, 0) for one in points]))
            for share, points in curves.items()
        }
        for found in anytime_certificate.report(below, name, unseen, bounds):
            console.print(found)
    axes[0, 0].legend(fontsize=7)
    axes[1, 0].legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(PLOT, dpi=80)


if __name__ == "__main__":
    main()
