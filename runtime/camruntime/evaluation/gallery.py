"""Which explanations of an evaluation are worth looking at: the best, the median, and the worst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from camruntime.evaluation.row import Row, by_method
from camruntime.metrics import Metric, metric_spec

Rank = Literal["best", "median", "worst"]


def worth_seeing(rows: Sequence[Row], metrics: Sequence[Metric]) -> Iterator[tuple[Rank, Row]]:
    """Three rows of each method, by the first metric that has a good and a bad end.

    Fewer where there are fewer rows with a value; none where no metric has such ends.
    """
    judging = next((one for one in metrics if one.info.better != "neither"), None)
    if judging is None:
        return
    spec = metric_spec(judging)
    for mine in by_method(rows).values():
        ordered = sorted(
            (row for row in mine.values() if row.values[spec] is not None),
            key=lambda row: (row.values[spec] or 0.0, row.sample),
            reverse=judging.info.better == "higher",
        )
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
