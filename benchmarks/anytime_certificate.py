"""What a sample certifies of anytime Score-CAM, how often that holds, and what it costs.

Of `anytime`. Constants of the method were chosen on the pictures whose
name has an even digest; these figures are of the others, of up to five classes each, every map with
two seeds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from anytime_recorded import Recorded, correlation
from rich.progress import track
from rich.table import Table

from camruntime.graphs import Graphs
from camruntime.methods import AnytimeScoreCAM

LIMITS = (0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5)
WANTED = (0.9, 0.95, 0.98)
MOST = 0.995
SEEDS = 2
ROUNDING = 1e-6  # the maps are float32


@dataclass(frozen=True)
class Sure:
    """One map.

    Attributes:
        place: of its class, 0 for the most probable.
        certified: what its correlation with the exact one is at least, so it says.
        true: what it is.
        spent: share of the passes.
    """

    place: int
    certified: float
    true: float
    spent: float

    @property
    def holds(self) -> bool:
        """Whether what it says is true."""
        return self.certified <= self.true + ROUNDING


def is_unseen(photo: Path) -> bool:
    """Whether no constant was chosen on it."""
    return hashlib.md5(photo.stem.encode(), usedforsecurity=False).digest()[-1] % 2 == 1


def report(
    axis: Any, name: str, recorded: Sequence[Recorded], bounds: dict[float, float]
) -> Iterator[Table]:
    """Two tables, and the curve beside that of `bounds`, which are without a sample."""
    curves = {limit: measure(recorded, limit, MOST) for limit in track(LIMITS, "certified")}
    title = f"{name}, {len(recorded)} pictures that nothing was tuned on"
    table = Table(
        "at most", "maps", "spent", "mean, most probable", "10th percentile", ">= 0.95",
        "mean, all", "10th percentile", ">= 0.95", "holds, %", "true, mean", title=title,
    )  # fmt: skip
    for limit, found in curves.items():
        table.add_row(*_row(limit, found))
    yield table
    table = Table(
        "certificate", "maps", "reached", "spent, mean", "median", "90th percentile",
        "most probable, mean", "holds, %", "true, mean", "true, worst", title=title,
    )  # fmt: skip
    for wanted in WANTED:
        table.add_row(*_stopped(wanted, measure(recorded, 1, wanted)))
    yield table
    draw(axis, title, curves, bounds)


def measure(recorded: Sequence[Recorded], limit: float, wanted: float) -> list[Sure]:
    """Every class of every picture, with every seed."""
    return [
        _sure(one.of_class(place), place, AnytimeScoreCAM(share=limit, certificate=wanted, seed=s))
        for one in recorded
        for place in range(one.scores.shape[1])
        for s in range(SEEDS)
    ]


def _sure(one: Recorded, place: int, method: AnytimeScoreCAM) -> Sure:
    as_graphs: Graphs = one  # type: ignore[assignment]  # the one call that the method makes
    found = method(as_graphs, one.forward, [0])
    near, exact = found.approximations[0], one.exact()
    assert near.correlation_certified is not None
    flat = exact.std() == 0 or found.raw[0].std() == 0
    return Sure(
        place=place,
        certified=near.correlation_certified,
        true=1.0 if flat else correlation(found.raw[0], exact),
        spent=near.evaluated / near.channels,
    )


def _row(limit: float, found: list[Sure]) -> list[str]:
    cells = [f"{limit:g}", f"{len(found)}", f"{np.mean([one.spent for one in found]):.3f}"]
    for some in ([one for one in found if one.place == 0], found):
        values = np.array([one.certified for one in some])
        cells += [
            f"{np.maximum(values, 0).mean():.3f}",
            f"{np.quantile(values, 0.1):.3f}",
            f"{100 * np.mean(values >= 0.95):.0f} %",
        ]
    cells += [f"{100 * np.mean([one.holds for one in found]):.1f}"]
    return [*cells, f"{np.mean([one.true for one in found]):.4f}"]


def _stopped(wanted: float, found: list[Sure]) -> list[str]:
    spent = np.array([one.spent for one in found])
    top = np.mean([one.spent for one in found if one.place == 0])
    true = np.array([one.true for one in found])
    return [
        f"{wanted:g}",
        f"{len(found)}",
        f"{np.mean([one.certified >= wanted for one in found]):.3f}",
        f"{spent.mean():.3f}",
        f"{np.median(spent):.3f}",
        f"{np.quantile(spent, 0.9):.3f}",
        f"{top:.3f}",
        f"{100 * np.mean([one.holds for one in found]):.1f}",
        f"{true.mean():.4f}",
        f"{true.min():.3f}",
    ]


def draw(
    axis: Any, title: str, curves: dict[float, list[Sure]], bounds: dict[float, float]
) -> None:
    limits = list(curves)
    tops = [[one for one in curves[limit] if one.place == 0] for limit in limits]
    sure = np.array([[max(one.certified, 0) for one in found] for found in tops])
    true = [np.mean([one.true for one in found]) for found in tops]
    axis.plot(limits, true, "tab:blue", label="true, mean")
    axis.plot(limits, sure.mean(1), "tab:purple", label="certified, mean")
    tenth = np.quantile(sure, 0.1, axis=1)
    axis.plot(limits, tenth, "tab:purple", linestyle="--", label="certified, 10th percentile")
    without = list(bounds.values())
    axis.plot(list(bounds), without, "tab:green", label="bound without a sample, mean")
    axis.axhline(0.98, color="grey", linewidth=0.7)
    axis.set(xscale="log", ylim=(0, 1.02), xlim=(limits[0], limits[-1]), title=title)
    axis.set_xticks(limits, [f"{100 * limit:g}" for limit in limits], minor=False)
    axis.minorticks_off()
    axis.set_xlabel("forward passes at most, percent of the exact map's")
    axis.set_ylabel("correlation with the exact map, most probable class")
    axis.grid(visible=True, linewidth=0.3)
