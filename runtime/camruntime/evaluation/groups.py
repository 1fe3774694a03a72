"""Results by class, and by how large the defect is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from camruntime.evaluation.estimates import Estimate
from camruntime.evaluation.inspection import Group
from camruntime.evaluation.row import Row
from camruntime.evaluation.statistics import mean_over_samples

SIZES = ("small", "medium", "large")


def groups_of(
    methods: Mapping[str, Mapping[str, Row]], metrics: Sequence[str]
) -> tuple[Group, ...]:
    """By class where there are several, by size where places are known.

    Args:
        methods: rows by method and sample.
        metrics: specs of what is averaged.
    """
    every = {name: list(rows.values()) for name, rows in methods.items()}
    first = {row.sample: row for rows in every.values() for row in rows}
    found = []
    for kind, title, samples in [*_classes(first), *_sizes(first)]:
        means = {
            name: _means([row for row in rows if row.sample in samples], metrics)
            for name, rows in every.items()
        }
        found.append(Group(kind=kind, name=title, samples=len(samples), means=means))
    return tuple(found)


def size_limits(areas: Sequence[float]) -> tuple[float, float]:
    """The tertiles: what a third, and two thirds, of the areas are no larger than."""
    low, high = np.quantile(np.asarray(areas), (1 / 3, 2 / 3), method="inverted_cdf")
    return float(low), float(high)


def _classes(rows: Mapping[str, Row]) -> Iterator[tuple[str, str, set[str]]]:
    names = sorted({row.category for row in rows.values()})
    if len(names) > 1:
        for name in names:
            title = name or "no class named"
            yield "class", title, {one for one, row in rows.items() if row.category == name}


def _sizes(rows: Mapping[str, Row]) -> Iterator[tuple[str, str, set[str]]]:
    areas = {name: row.area for name, row in rows.items() if row.area is not None}
    if len(areas) < len(SIZES):
        return
    low, high = size_limits(list(areas.values()))
    for number, (size, text) in enumerate(zip(SIZES, _texts(low, high), strict=True)):
        mine = {name for name, area in areas.items() if (area > low) + (area > high) == number}
        if mine:
            yield "size", f"{size} ({text})", mine


def _texts(low: float, high: float) -> tuple[str, str, str]:
    """What the sizes are, as shares of the picture."""
    small, large = (f"{100 * one:.3g}" for one in (low, high))
    return f"up to {small} % of the picture", f"{small} to {large} %", f"above {large} %"


def _means(rows: Sequence[Row], metrics: Sequence[str]) -> dict[str, Estimate]:
    found = {}
    for metric in metrics:
        values = [value for row in rows if (value := row.values[metric]) is not None]
        if values:
            found[metric] = mean_over_samples(np.array(values, np.float64))
    return found
