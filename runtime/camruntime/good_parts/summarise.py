"""From what each good part shows to the calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from camruntime.calibration import (
    ByIndex,
    Calibration,
    OfMethod,
    OfTarget,
    measures_of,
    thresholds_as_top,
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
        layer=manifest.layer_names,
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
    tops = np.array([row.part.top for row in rows], np.int64)
    classes = {
        key[0][0]: values
        for key, values in zip(planned.targets.by_index, columns, strict=True)
        if key[1] is None
    }
    as_top = thresholds_as_top(classes, tops, planned.alpha)
    targets = (
        _of_target(name, key, values, planned.alpha, as_top)
        for name, key, values in zip(
            planned.targets.names, planned.targets.by_index, columns, strict=True
        )
    )
    return OfMethod(method=spec, unit=unit_of(method) or "", targets=tuple(targets))


def _of_target(
    name: str, key: ByIndex, strongest: Numbers, alpha: float, as_top: Mapping[int, float]
) -> OfTarget:
    threshold, typical, scale = measures_of(strongest, alpha)
    return OfTarget(
        target=name,
        classes=key[0],
        against=key[1],
        threshold=threshold,
        threshold_as_top=as_top.get(key[0][0]) if key[1] is None else None,
        typical=typical,
        scale=scale,
        strongest=tuple(strongest.tolist()),
    )
