"""Papers' claims on evaluations that are written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from results.claims import Claim, difference

CLAIM = Claim("Some", "pointing-game", "grad-cam", "score-cam")


def _evaluation(folder: Path, complete: list[str]) -> Path:
    """Of two pictures both methods have a value, of a third one only one of them."""
    spec = "pointing-game:shape=mask"
    values: dict[str, list[float | None]] = {
        "grad-cam": [60.0, 80.0, 100.0],
        "score-cam": [50.0, 75.0, None],
        "cam": [0.0, 0.0, 0.0],
    }
    rows = [
        {"sample": str(at), "method": name, "values": {spec: value, "iou": 1000.0}}
        for name, every in values.items()
        for at, value in enumerate(every)
    ]
    summary = {"methods": [{"method": name} for name in complete]}
    (folder / "summary.json").write_text(json.dumps(summary), "utf-8")
    (folder / "results.jsonl").write_text("\n".join(["{}", *map(json.dumps, rows)]), "utf-8")
    return folder


def test_the_difference_is_of_pictures_that_both_measured(tmp_path: Path) -> None:
    found = difference(CLAIM, _evaluation(tmp_path, ["grad-cam", "score-cam"]))
    assert found is not None
    assert (found.mean, found.low, found.high) == pytest.approx((7.5, 5, 10))
    assert found.count == 2


def test_a_method_that_is_not_finished_has_none(tmp_path: Path) -> None:
    assert difference(CLAIM, _evaluation(tmp_path, ["grad-cam", "cam"])) is None
