"""A row of an evaluation, to be changed by `dataclasses.replace`."""

from __future__ import annotations

from camruntime.evaluation.row import Row

LABELS = ("good", "scratch", "hole")
ROW = Row(
    sample="a.png", category="scratch", classes=(1,), method="cam", target=1, predicted=1,
    right=True, probability=0.5, no_evidence=False, values={}, curves={}, passes=1, seconds=0.1,
)  # fmt: skip
