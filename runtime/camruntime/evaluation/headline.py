"""What was found, in a plain sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from camruntime.evaluation.row import Row
from camruntime.evaluation.summary import MethodSummary
from camruntime.metrics import Metric, PointingGame, metric_spec

CENTRE = "centre-gaussian"


def best_method(methods: Sequence[MethodSummary], leading: Metric | None) -> MethodSummary | None:
    """The one with the best mean of the leading metric, baselines aside; of equals the first."""
    ranked = _ranked([one for one in methods if not one.baseline], leading)
    return ranked[0] if ranked else None


def headline(
    methods: Sequence[MethodSummary],
    rows: Mapping[str, Mapping[str, Row]],
    leading: Metric | None,
    things: tuple[str, str],
) -> str:
    """What the best method reaches, what the picture's centre would, and a baseline above it.

    Args:
        methods: all of them.
        rows: by method and sample.
        leading: the metric.
        things: what is to be found, and what it is found in: `defect`, `pictures`.
    """
    best = best_method(methods, leading)
    if best is None or leading is None:
        return "No method has a value in any metric that has a good end."
    spec, (thing, pictures) = metric_spec(leading), things
    known = {name: _values(mine, spec) for name, mine in rows.items()}
    if isinstance(leading, PointingGame):
        values = known[best.method]
        said = f"{best.method} hits the {thing} in {_hits(values)} of {len(values)} {pictures}"
        centre = f"would in {_hits(known.get(CENTRE, []))}"
    else:
        said = f"{best.method} reaches {_mean(best, spec)} in {leading.info.title}"
        centre = "".join(f"reaches {_mean(one, spec)}" for one in methods if one.method == CENTRE)
    said += f"; the picture's centre {centre}" if known.get(CENTRE) else ""
    return said + _doubts(best, methods, leading) + "."


def _doubts(best: MethodSummary, methods: Sequence[MethodSummary], leading: Metric) -> str:
    """What speaks against the best method: the centre, or another baseline, is as good."""
    above = [one.method for one in _ranked(methods, leading)]
    above = above[: above.index(best.method)]  # baselines alone
    said = ""
    if CENTRE in above:
        said = ", which is better"
    elif metric_spec(leading) in best.no_better_than_centre:
        said = ", which is no clear difference"
    if above and above[0] != CENTRE:
        said += f". But {above[0]}, which asks no network, is better still"
    return said


def _ranked(methods: Sequence[MethodSummary], leading: Metric | None) -> list[MethodSummary]:
    """Those that have a value in the metric, the best first; of equals, a method first."""
    if leading is None:
        return []
    spec, sign = metric_spec(leading), leading.info.sign
    mine = [one for one in methods if spec in one.metrics]
    return sorted(mine, key=lambda one: (-sign * one.metrics[spec].mean, one.baseline))


def _mean(method: MethodSummary, metric: str) -> str:
    return f"{method.metrics[metric].mean:.1f}" if metric in method.metrics else ""


def _hits(values: Sequence[float]) -> int:
    return sum(one > 0 for one in values)


def _values(rows: Mapping[str, Row], spec: str) -> list[float]:
    return [one for row in rows.values() if (one := row.values[spec]) is not None]
