"""The order of methods under two baselines, on values whose order is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from results.reversals import (
    SHOWN,
    Order,
    Reversal,
    Values,
    _pairs,
    compare,
    kendall,
    measured,
    section,
    verdict,
)

from camruntime.evaluation import Estimate

NOISE: Values = np.random.default_rng(0).normal(0, 1, (4, 60))


def _methods(*means: float, noise: float = 0.1) -> dict[str, Values]:
    rows = zip("abcd", means, NOISE, strict=False)
    return {name: mean + noise * (row - row.mean()) for name, mean, row in rows}


def test_one_order_and_its_reverse() -> None:
    rising, falling = _methods(1, 2, 3), _methods(3, 2, 1)
    same = compare(rising, rising, 1)
    assert (same.tau.mean, same.tau.low, same.tau.high) == (1, 1, 1)
    assert same.decided == (3, 3, 3)
    assert same.reversals == ()
    turned = compare(rising, falling, 1)
    assert (turned.tau.mean, turned.methods, turned.tau.count) == (-1, 3, 60)
    assert [one.methods for one in turned.reversals] == [("b", "a"), ("c", "a"), ("c", "b")]
    best = turned.reversals[1]
    assert (best.mean.mean, best.blur.mean) == pytest.approx((2, -2))
    assert 1.9 < best.mean.low < 2 < best.mean.high < 2.1


def test_where_less_is_better_pairs_turn_round() -> None:
    found = compare(_methods(1, 2), _methods(2, 1), -1).reversals
    assert [one.methods for one in found] == [("a", "b")]
    assert found[0].mean.mean == pytest.approx(1)


def test_a_pair_that_chance_decides_reverses_nothing() -> None:
    found = compare(_methods(1, 1.1, noise=5), _methods(1.1, 1), 1)
    assert found.decided == (0, 1, 0)
    assert found.reversals == ()
    assert found.tau.low == -1
    assert found.tau.high == 1


def test_tau_equals_scipys() -> None:
    """Ties within a hundredth of a point are none's."""
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(3)
    for _ in range(20):
        one, other = rng.integers(0, 5, (2, 7)).astype(float)
        first, second = np.triu_indices(7, 1)
        found = kendall((one[first] - one[second])[None], (other[first] - other[second])[None])
        assert found == pytest.approx([stats.kendalltau(one, other).statistic])
    assert kendall(np.zeros((1, 3)), np.ones((1, 3))) == [0]
    assert kendall(np.array([[1, 0.004]]), np.array([[1, -1]])) == pytest.approx([0.5**0.5])


def test_what_tau_says_of_the_claim() -> None:
    said = [
        verdict(Order(3, Estimate(0, *ends, 9), (3, 3, 2), ()))
        for ends in ((-0.9, -0.1), (-0.1, 0.3), (0.1, 0.9))
    ]
    assert said == [
        *("reverses: the claim holds", "open; 0 of 2 decided pairs reverse", "does not reverse")
    ]


def test_an_evaluation_becomes_a_section(tmp_path: Path) -> None:
    """Deletion is better where it is lower; baselines and methods without a summary stay out."""
    specs = {"deletion": (1, 2, 3), "deletion:baseline=blur": (3, 2, 1)}
    summary = {
        "metrics": {spec: {"better": "lower"} for spec in [*specs, "insertion"]},
        "methods": [{"method": name, "baseline": name == "c"} for name in ("a", "b", "c")],
    }
    (tmp_path / "summary.json").write_text(json.dumps(summary), "utf-8")
    values = {spec: _methods(*means) for spec, means in specs.items()}
    rows = [
        {
            "sample": str(at),
            "method": name,
            "values": {spec: values[spec][name][at] for spec in specs},
        }
        for at in range(60)
        for name in ("c", "b", "a")
    ]
    lines = ["{}", *map(json.dumps, rows)]
    (tmp_path / "results.jsonl").write_text("\n".join(lines), "utf-8")
    ((name, order),) = measured(tmp_path)
    assert (name, order.methods, order.tau.mean) == ("deletion", 2, -1)
    text = "\n".join(section({"Parts": tmp_path}))
    assert "| Parts | deletion | 2 | -1.00 (-1.00 to -1.00) | 1, 1, 1 | 1 | reverses" in text
    assert "| Parts | deletion | `a` over `b` | +1.00 (" in text
    assert "nowhere above 1.00 points" in text
    assert section({}) == []


def test_the_clearest_pairs_are_shown() -> None:
    def reversal(at: int) -> Reversal:
        """By 1, 2 or more points under the mean colour, and by 3 under blurring."""
        return Reversal((f"m{at}", "z"), Estimate(at, at, at, 9), Estimate(-3, -3, -3, 9))

    order = Order(8, Estimate(0, -1, 1, 9), (9, 9, 9), tuple(map(reversal, range(1, 8))))
    said, *_, first, second, third, fourth, fifth, end = _pairs([("Parts", "insertion", order)])
    assert "nowhere above 3.00 points" in said
    rows = [first, second, third, fourth, fifth]
    assert [row.split("`")[1] for row in rows] == ["m3", "m4", "m5", "m6", "m7"]
    assert (end, len(rows)) == ("", SHOWN)
