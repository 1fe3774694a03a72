"""Which explanations of an evaluation are worth looking at: the best, the median, and the worst."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from camruntime.evaluation.leading import leading_metrics
from camruntime.evaluation.row import Row, by_method
from camruntime.metrics import Metric, metric_spec

Rank = Literal["best", "median", "worst"]


def worth_seeing(rows: Sequence[Row], metrics: Sequence[Metric]) -> Iterator[tuple[Rank, Row]]:
    """Three rows of each method, by the metric that leads; the others of its kind break ties.

    Fewer where there are fewer rows with a value; none where no metric has a good end.
    """
    leading = leading_metrics(metrics, rows)
    if not leading:
        return
    for mine in by_method(rows).values():
        ordered = _ordered(mine.values(), leading)
        ranks: list[tuple[Rank, int]] = [
            ("best", 0),
            ("median", len(ordered) // 2),
            ("worst", len(ordered) - 1),
        ]
        seen = set()
        for rank, place in ranks:
            if ordered and place not in seen:
                seen.add(place)
                yield rank, ordered[place]


def _ordered(rows: Iterable[Row], leading: Sequence[Metric]) -> list[Row]:
    """The best first; without those that have no value."""
    signs = {metric_spec(one): one.info.sign for one in leading}
    (first, *_) = signs

    def place(row: Row) -> tuple[float | str, ...]:
        return (*(-sign * (row.values[spec] or 0.0) for spec, sign in signs.items()), row.sample)

    return sorted((row for row in rows if row.values[first] is not None), key=place)
