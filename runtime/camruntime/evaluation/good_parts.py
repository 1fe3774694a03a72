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
    """How many good parts and defects show colour, of one method; None without a good part."""
    good = [row for row in rows if row.good]
    bad = [row for row in rows if row.good is False]
    if not good:
        return None
    return Coloured(
        count=sum(row.has_colour for row in good),
        of=len(good),
        defects=sum(row.has_colour for row in bad),
        of_defects=len(bad),
        relative=any(row.relative for row in good),
    )


def detections(methods: Mapping[str, Mapping[str, Row]], good: str | None) -> tuple[Detection, ...]:
    """How well defects are told from good parts: by each method's calibrated evidence.

    And by the network's probability, which is the score of all maps that are relative.
    """
    scored = {
        name: list(rows.values())
        for name, rows in methods.items()
        if any(row.score is not None for row in rows.values())
    }
    calibrated = {
        name: rows for name, rows in scored.items() if not any(row.relative for row in rows)
    }
    relative = [rows for name, rows in scored.items() if name not in calibrated]
    if relative:
        calibrated[f"probability of not '{good}'"] = max(relative, key=len)
    every = (_detection(name, rows) for name, rows in calibrated.items())
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
