"""From what each good part shows to the calibration."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from camruntime.calibration import (
    ByIndex,
    Calibration,
    OfMethod,
    OfTarget,
    Reference,
    top_class_reference,
)
from camruntime.explainer import Explainer
from camruntime.good_parts.plan import Plan
from camruntime.good_parts.strongest import PartRow
from camruntime.methods import Method, spec_of, unit_of

Numbers = NDArray[np.float64]


def summarise(
    explainer: Explainer, planned: Plan, rows: Sequence[PartRow], left_out: Sequence[str]
) -> Calibration:
    """Thresholds and scales of all methods and targets, with what they were taken from."""
    manifest = explainer.bundle.manifest
    return Calibration(
        bundle=manifest.digest,
        model=manifest.model,
        layer=manifest.layer.name,
        provider=explainer.provider,
        alpha=planned.alpha,
        good=manifest.good,
        parts=tuple(row.part for row in rows),
        left_out=(*planned.left_out, *left_out),
        methods=tuple(_of_method(one, planned, rows) for one in planned.methods),
    )


def _of_method(method: Method, planned: Plan, rows: Sequence[PartRow]) -> OfMethod:
    spec = spec_of(method)
    columns = np.array([row.strongest[spec] for row in rows], np.float64).T  # (targets, parts)
    by_index = dict(zip(planned.targets.by_index, columns, strict=True))
    as_top = _thresholds_as_top(by_index, rows, planned.alpha)
    targets = (
        _of_target(name, key, by_index[key], planned.alpha, as_top.get(key))
        for name, key in zip(planned.targets.names, planned.targets.by_index, strict=True)
    )
    return OfMethod(method=spec, unit=unit_of(method) or "", targets=tuple(targets))


def _thresholds_as_top(
    by_index: dict[ByIndex, Numbers], rows: Sequence[PartRow], alpha: float
) -> dict[ByIndex, float]:
    """Of each class where it is a picture's top one; without those that cannot be had."""
    classes = {key[0][0]: values for key, values in by_index.items() if key[1] is None}
    tops = np.array([row.part.top for row in rows], np.int64)
    if not set(tops.tolist()) <= classes.keys():
        return {}
    found = {
        ((top,), None): top_class_reference(classes, tops, top).threshold(alpha) for top in classes
    }
    return {key: one for key, one in found.items() if math.isfinite(one)}


def _of_target(
    name: str, key: ByIndex, strongest: Numbers, alpha: float, as_top: float | None
) -> OfTarget:
    threshold, typical = Reference.of(strongest).threshold(alpha), float(np.median(strongest))
    spread = threshold - typical or float(strongest.max()) - threshold or 1.0
    return OfTarget(
        target=name,
        classes=key[0],
        against=key[1],
        threshold=threshold,
        threshold_as_top=as_top,
        typical=typical,
        scale=spread,
        strongest=tuple(strongest.tolist()),
    )
