"""What was found, in a plain sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from camruntime.evaluation.row import Row
from camruntime.evaluation.summary import MethodSummary
from camruntime.metrics import Metric, PointingGame, metric_spec


def best_method(methods: Sequence[MethodSummary], leading: Metric | None) -> MethodSummary | None:
    """The one with the best mean of the leading metric, baselines aside; of equals the first."""
    spec, sign = (metric_spec(leading), leading.info.sign) if leading else ("", 0)
    mine = [one for one in methods if not one.baseline and spec in one.metrics]
    return max(mine, key=lambda one: sign * one.metrics[spec].mean, default=None)


def headline(
    best: MethodSummary | None,
    rows: Mapping[str, Mapping[str, Row]],
    centre: str,
    leading: Metric | None,
    things: tuple[str, str],
) -> str:
    """What the best method reaches, and what the picture's centre would.

    Args:
        best: the method that is spoken of; None where no method has a value.
        rows: by method and sample.
        centre: the baseline that it is held against.
        leading: the metric.
        things: what is to be found, and what it is found in: `defect`, `pictures`.
    """
    if best is None or leading is None:
        return "No method has a value in any metric that has a good end."
    spec = metric_spec(leading)
    if isinstance(leading, PointingGame):
        said = _hits(best.method, _values(rows[best.method], spec), things)
        other = _values(rows.get(centre, {}), spec)
        said += f"; the picture's centre would in {sum(one > 0 for one in other)}" if other else ""
    else:
        mean, title, unit = best.metrics[spec].mean, leading.info.title, leading.info.unit
        said = f"{best.method} reaches {mean:.1f} {unit} in {title}".replace("  ", " ")
        other = _values(rows.get(centre, {}), spec)
        mean = sum(other) / len(other) if other else 0
        said += f"; the picture's centre {mean:.1f} {unit}".rstrip() if other else ""
    weak = spec in best.no_better_than_centre
    return said + (", so the map is no better than pointing at the middle." if weak else ".")


def _hits(method: str, values: Sequence[float], things: tuple[str, str]) -> str:
    thing, pictures = things
    hits = sum(one > 0 for one in values)
    return f"{method} hits the {thing} in {hits} of {len(values)} {pictures}"


def _values(rows: Mapping[str, Row], spec: str) -> list[float]:
    return [one for row in rows.values() if (one := row.values[spec]) is not None]
