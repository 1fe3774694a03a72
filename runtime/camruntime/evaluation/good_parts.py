"""Good parts: how many show colour, and how well defects are told from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from camruntime.evaluation.estimates import Curve
from camruntime.evaluation.inspection import Coloured, Detection, Found, Overlap
from camruntime.evaluation.levels import overlap_of
from camruntime.evaluation.roc import Roc, roc
from camruntime.evaluation.row import Row

RATES = (0.0, 0.01, 0.05, 0.1)
"""Of false alarms: how many defects are found at each."""


def coloured(rows: Sequence[Row]) -> Coloured | None:
    """How many good parts show colour, of one method; None without a good part."""
    good = [row for row in rows if row.good]
    if not good:
        return None
    return Coloured(
        sum(row.has_colour for row in good), len(good), any(row.relative for row in good)
    )


def detections(methods: Mapping[str, Mapping[str, Row]], good: str | None) -> tuple[Detection, ...]:
    """How well defects are told from good parts: of each method, once where all have one score."""
    scores = {
        name: {one: row.score for one, row in rows.items()}
        for name, rows in methods.items()
        if any(row.score is not None for row in rows.values())
    }
    relative = all(row.relative for rows in methods.values() for row in rows.values())
    if relative and scores:
        rows = max((methods[name] for name in scores), key=len)
        name = f"probability of not '{good}'"
        return tuple(filter(None, [_detection(name, list(rows.values()))]))
    every = (_detection(name, list(methods[name].values())) for name in scores)
    return tuple(one for one in every if one)


def _detection(name: str, rows: Sequence[Row]) -> Detection | None:
    known = [
        (row.score, not row.good) for row in rows if row.score is not None and row.good is not None
    ]
    defects = sum(defect for _, defect in known)
    if not 0 < defects < len(known):
        return None
    curve = roc([score for score, _ in known], [defect for _, defect in known])
    return Detection(
        scored=name,
        good_parts=len(known) - defects,
        defects=defects,
        area=curve.area,
        curve=_drawn(curve),
        found=tuple(_found(curve, rate, defects) for rate in RATES),
    )


def _found(curve: Roc, rate: float, defects: int) -> Found:
    """At the last threshold at which no more than `rate` of the good parts are alarms."""
    last = np.flatnonzero(curve.false_positive <= rate + 1e-12)[-1]
    return Found(
        at_most=rate,
        alarms=float(curve.false_positive[last]),
        share=float(curve.true_positive[last]),
        defects=round(float(curve.true_positive[last]) * defects),
    )


def _drawn(curve: Roc) -> Curve:
    """Without the points that lie within a straight rise or run."""
    x, y = curve.false_positive, curve.true_positive
    turns = (np.diff(x[:-1]) * np.diff(y[1:])) != (np.diff(x[1:]) * np.diff(y[:-1]))
    kept = np.concatenate([[True], turns, [True]])
    return Curve(
        tuple(x[kept].tolist()),
        tuple(y[kept].tolist()),
        "share of good parts that are false alarms",
        "share of defects found",
    )


def overlap(rows: Sequence[Row]) -> Overlap | None:
    """Per-region overlap of one method; None where no place is known."""
    found = overlap_of([row.levels for row in rows if row.levels])
    if found is None:
        return None
    x, y = found.false_positive.tolist(), found.overlap.tolist()
    name = "share of good pixels that pass"
    return Overlap(
        found.area, found.limit, Curve(tuple(x), tuple(y), name, "share of a marked region")
    )
