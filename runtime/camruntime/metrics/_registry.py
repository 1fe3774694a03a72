"""Metrics by name; a spec names one and its options, as `insertion:steps=64`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from camruntime._specs import Registry
from camruntime.errors import MetricError

if TYPE_CHECKING:
    from camruntime.evaluation.summary import MetricInfo
    from camruntime.metrics._case import Case


@dataclass(frozen=True)
class Measured:
    """What a metric found.

    Attributes:
        value: None where it has no meaning, as without regions, or with an empty one.
        curve: y values at evenly spaced x from 0 to 1, of metrics that are an area under it.
    """

    value: float | None
    curve: tuple[float, ...] = ()


class Metric(Protocol):
    """A metric: a frozen dataclass whose fields are its options.

    Attributes:
        info: how it is read.
        by_category: the mean is one of the means of each category, not of all samples.
        needs_regions: it compares with where the class is.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    info: ClassVar[MetricInfo]
    by_category: ClassVar[bool]
    needs_regions: ClassVar[bool]

    def __call__(self, case: Case) -> Measured:
        """Measure one explanation."""
        ...


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


def metric_spec(metric: Metric) -> str:
    """The shortest spec that makes `metric`."""
    return _known().spec_of(metric)


def _known() -> Registry[Metric]:
    return Registry("metric", MetricError, METRICS)
