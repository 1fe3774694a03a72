"""Does the order of methods turn round where removed pixels are blurred and not of mean colour?

As arXiv 2605.14255 reports of industrial pictures, of pairs of networks and methods.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from camruntime.evaluation import Estimate
from results.reading import rows_of, summary_of

Values = NDArray[np.float64]

RESAMPLES = 1000
SHOWN = 5  # pairs
ALIKE = 0.005
"""Points: methods whose means are no further apart are equally good. Some are one and the same on
networks with average pooling."""
METRICS = {
    "insertion": ("insertion:baseline=mean", "insertion"),
    "deletion": ("deletion", "deletion:baseline=blur"),
}
"""Specs under the mean colour and under blurring."""


@dataclass(frozen=True)
class Reversal:
    """Two methods of which each is better under one baseline, by more than chance.

    Attributes:
        methods: the one that is better under the mean colour, and the one under blurring.
        mean, blur: by how much the first is better, in points; above 0, and below.
    """

    methods: tuple[str, str]
    mean: Estimate
    blur: Estimate


@dataclass(frozen=True)
class Order:
    """The order of methods under two baselines.

    Attributes:
        methods: how many.
        tau: Kendall's tau-b between the orders, 1 where they are the same, with the interval over
            resampled pictures; its count is of pictures.
        decided: pairs of methods that differ by more than chance: under the mean colour, under
            blurring, and under both.
        reversals: those of the last that turn round.
    """

    methods: int
    tau: Estimate
    decided: tuple[int, int, int]
    reversals: tuple[Reversal, ...]


def compare(mean: Mapping[str, Values], blur: Mapping[str, Values], sign: int) -> Order:
    """The order of the same methods on the same pictures.

    Args:
        mean: values `(pictures,)` by method, under the mean colour.
        blur: the same under blurring.
        sign: 1 where more is better, -1 where less is.
    """
    count = len(next(iter(mean.values())))
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
    weights = np.concatenate([np.ones((1, count)), drawn]) / count  # the pictures as they are first
    pairs = list(itertools.combinations(mean, 2))
    one, other = (
        np.stack([sign * weights @ (values[a] - values[b]) for a, b in pairs], 1)
        for values in (mean, blur)
    )
    taus = kendall(one, other)
    decided = _decided(one), _decided(other)
    both = np.flatnonzero(decided[0] & decided[1])
    turned = [row for row in both if one[0, row] * other[0, row] < 0]
    return Order(
        len(mean),
        _estimate(taus, count),
        (int(decided[0].sum()), int(decided[1].sum()), len(both)),
        tuple(_reversal(pairs[row], one[:, row], other[:, row], count) for row in turned),
    )


def kendall(one: Values, other: Values) -> Values:
    """Tau-b of every row of differences between pairs `(rows, pairs)`; 0 where all are alike."""
    first, second = (np.sign(found) * (np.abs(found) > ALIKE) for found in (one, other))
    size = np.sqrt((first**2).sum(1) * (second**2).sum(1))
    agreed: Values = (first * second).sum(1) / np.where(size > 0, size, 1)
    return agreed


def _decided(differences: Values) -> NDArray[np.bool_]:
    """Pairs whose interval leaves out 0, and that are not alike."""
    low, high = np.percentile(differences[1:], [2.5, 97.5], axis=0)
    found: NDArray[np.bool_] = (low * high > 0) & (np.abs(differences[0]) > ALIKE)
    return found


def _estimate(spread: Values, count: int) -> Estimate:
    """Of the value as it is, followed by the resampled ones."""
    low, high = np.percentile(spread[1:], [2.5, 97.5])
    return Estimate(float(spread[0]), float(low), float(high), count)


def _reversal(pair: tuple[str, str], one: Values, other: Values, count: int) -> Reversal:
    if one[0] < 0:
        pair, one, other = (pair[1], pair[0]), -one, -other
    return Reversal(pair, _estimate(one, count), _estimate(other, count))


def measured(folder: Path) -> Iterator[tuple[str, Order]]:
    """Every metric of an evaluation's folder that was measured under both baselines, and its order.

    Methods that were not measured on all pictures, and baselines, are left out.
    """
    summary, rows = summary_of(folder), rows_of(folder)
    methods = [one["method"] for one in summary["methods"] if not one["baseline"]]
    for name, specs in METRICS.items():
        if not set(specs) <= summary["metrics"].keys() or len(methods) < 2:
            continue
        mean, blur = ({one: _values(rows, one, spec) for one in methods} for spec in specs)
        sign = 1 if summary["metrics"][specs[0]]["better"] == "higher" else -1
        yield name, compare(mean, blur, sign)


def _values(rows: Sequence[Mapping[str, object]], method: str, spec: str) -> Values:
    """Of a method, in the order of pictures."""
    found = {}
    for row in rows:
        values = row["values"]
        if row["method"] == method and isinstance(values, dict):
            found[str(row["sample"])] = float(values[spec])
    return np.array([found[sample] for sample in sorted(found)])


def section(folders: Mapping[str, Path]) -> list[str]:
    """The page's section, of folders by title; nothing where none was measured so."""
    found = [
        (title, name, order) for title, path in folders.items() for name, order in measured(path)
    ]
    if not found:
        return []
    lines = [
        "## Does the order of methods reverse with blurring?",
        "",
        "So arXiv 2605.14255 reports of wafer maps, where each network had a method of its own. "
        "Here every method explains the same network, and the mean over pictures orders them: "
        "where hidden pixels have the mean colour, and where they are blurred. Kendall's tau is 1 "
        "where both orders are the same and -1 where one is the other turned round, with the "
        "interval over resampled pictures. A pair is decided where its difference, picture by "
        "picture, leaves out zero; it reverses where it is decided under both, and differently.",
        "",
        "| data | metric | methods | tau | pairs decided: mean colour, blurred, both | reverse | |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, name, order in found:
        tau, (one, other, both) = order.tau, order.decided
        lines.append(
            f"| {title} | {name} | {order.methods} | {tau.mean:+.2f} ({tau.low:+.2f} to "
            f"{tau.high:+.2f}) | {one}, {other}, {both} | {len(order.reversals)} | "
            f"{verdict(order)} |"
        )
    return [*lines, "", *_pairs(found)]


def verdict(order: Order) -> str:
    """What an order says of the paper's claim: its tau, and else the pairs that are decided."""
    if order.tau.high < 0:
        return "reverses: the claim holds"
    if order.tau.low > 0:
        return "does not reverse"
    return f"open; {len(order.reversals)} of {order.decided[2]} decided pairs reverse"


def _pairs(found: Sequence[tuple[str, str, Order]]) -> list[str]:
    """A row for the clearest pairs that reverse."""
    rows = [
        f"| {title} | {name} | `{one.methods[0]}` over `{one.methods[1]}` | {_points(one.mean)} | "
        f"{_points(one.blur)} |"
        for title, name, order in found
        for one in sorted(order.reversals, key=_smaller, reverse=True)[:SHOWN]
    ]
    if not rows:
        return ["No pair of methods reverses.", ""]
    widest = max(_smaller(one) for _, _, order in found for one in order.reversals)
    said = (
        f"Pairs that reverse, of each data set and metric the {SHOWN} that do it by most. The "
        f"smaller of a pair's two differences is nowhere above {widest:.2f} points."
    )
    head = "| data | metric | pair | better by, mean colour | blurred |"
    return [said, "", head, "|---|---|---|---|---|", *rows, ""]


def _smaller(one: Reversal) -> float:
    """By how much a pair reverses: the smaller of its differences."""
    return min(abs(one.mean.mean), abs(one.blur.mean))


def _points(found: Estimate) -> str:
    return f"{found.mean:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
