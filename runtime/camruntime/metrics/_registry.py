"""Metrics by name; a spec names one and its options, as `insertion:steps=64`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from camruntime._specs import Registry
from camruntime.errors import MetricError
from camruntime.metrics._case import Metric

METRICS: dict[str, type[Metric]] = {}

M = TypeVar("M", bound=type[Metric])


def register(name: str) -> Callable[[M], M]:
    """Class decorator: make a metric available under `name`."""

    def enter(metric: M) -> M:
        METRICS[name] = metric
        return metric

    return enter


def make_metric(spec: str) -> Metric:
    """The metric that `spec` names.

    Raises:
        MetricError: no such metric or option, or a value that the option does not take.
    """
    return _known().make(spec)


def usual_metrics(located: bool) -> list[str]:
    """Names of the metrics that are measured unless others are asked for, in their order.

    Args:
        located: whether anybody says where objects are; localisation is left out otherwise.
    """
    places = {
        name: kind.info.usual
        for name, kind in METRICS.items()
        if kind.info.usual is not None and (located or kind.info.category != "localisation")
    }
    return sorted(places, key=places.__getitem__)


def metric_spec(metric: Metric) -> str:
    """The shortest spec that makes `metric`."""
    return _known().spec_of(metric)


def _known() -> Registry[Metric]:
    return Registry("metric", MetricError, METRICS)
