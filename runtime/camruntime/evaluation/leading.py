"""Which metric leads: it comes first, and orders the pictures.

The rule: where a data set says where things are, localisation comes before all other metrics, and
the first localisation metric that was asked for leads; elsewhere the first one that has a good end.
"""

from __future__ import annotations

from collections.abc import Sequence

from camruntime.evaluation.row import Row
from camruntime.metrics import Metric, metric_spec


def in_order(metrics: Sequence[Metric], located: bool) -> tuple[Metric, ...]:
    """Localisation first where the data set says where things are; else as they are."""
    if not located:
        return tuple(metrics)
    return tuple(sorted(metrics, key=lambda one: one.info.category != "localisation"))


def leading_metrics(metrics: Sequence[Metric], rows: Sequence[Row]) -> tuple[Metric, ...]:
    """The one that leads, and those after it of its category, by which ties are broken.

    Only metrics that have a good end, and a value in any of the rows; empty where none has.
    """
    judged = [one for one in metrics if one.info.better != "neither" and _has_value(one, rows)]
    places = [one for one in judged if one.info.category == "localisation"]
    if not judged:
        return ()
    category = (places or judged)[0].info.category
    return tuple(one for one in judged if one.info.category == category)


def _has_value(metric: Metric, rows: Sequence[Row]) -> bool:
    spec = metric_spec(metric)
    return any(row.values[spec] is not None for row in rows)
