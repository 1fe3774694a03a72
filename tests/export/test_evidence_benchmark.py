"""The benchmark of evidence: its statistics, and where its pictures' defects are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from evidence.measures import Found, PixelScore, Row, pixel_scores, read_found, row_of
from evidence.sources import Item, boards
from evidence.splits import ALPHAS, beta_binomial, interval, promise
from evidence.tables import share_lit


def test_beta_binomial_is_scipys() -> None:
    stats = pytest.importorskip("scipy.stats")
    found = beta_binomial(30, 3, 58)
    np.testing.assert_allclose(found, stats.betabinom(30, 3, 58).pmf(np.arange(31)), rtol=1e-9)


def test_splits_of_other_parts_lie_in_the_interval_as_often_as_it_says() -> None:
    """Of fresh normal parts each time: 95 percent, or a little more, as shares are counts."""
    rng, alpha, inside, shares = np.random.default_rng(0), 0.05, 0, []
    low, high = interval(60, 60, alpha)
    for _ in range(400):
        one = promise(rng.normal(size=120), alpha)
        inside += low <= one.shares[0] <= high
        shares.append(one.shares[0])
    assert 0.93 < inside / 400 < 0.995
    assert np.mean(shares) == pytest.approx(3 / 61, abs=0.005)  # of 61 ranks, 3 are beyond


def test_too_few_parts_promise_nothing() -> None:
    one = promise(np.arange(60.0), 0.01)
    assert (one.calibrating, one.thresholds, one.shares) == (30, (), ())
    assert share_lit([Row("a", "crack", 0.1, 99, 99)], one) == "-"
    assert promise(np.arange(60.0), 0.05).thresholds


def test_boxes_are_masks(tmp_path: Path) -> None:
    for kind in ("good", "open"):
        (tmp_path / kind).mkdir()
        cv2.imwrite(str(tmp_path / kind / "1.png"), np.zeros((8, 8), np.uint8))
    (tmp_path / "boxes.csv").write_text("file,class,x0,y0,x1,y1\nopen/1.png,open,1,2,4,5\n")
    good, bad = boards(tmp_path)
    assert not good.mask((8, 8)).any()
    expected = np.zeros((8, 8), bool)
    expected[2:5, 1:4] = True
    assert (bad.mask((8, 8)) == expected).all()
    raised = np.zeros((8, 8), np.float32)
    raised[3, 2], raised[0, 0] = 2, 3
    assert row_of(bad, 3, raised) == Row("open/1.png", "open", 9 / 64, 3, 2)
    assert row_of(good, 3, raised).on_defect is None


def test_rows_by_class_and_size_and_back_from_a_file(tmp_path: Path) -> None:
    defects = [Row(f"hole/{i}", "hole", i / 100, i, i - 1) for i in range(1, 7)]
    rows = (Row("good/1", "good", 0, 0, None), *defects, Row("stain/1", "stain", 0, 1, None))
    found = Found("good", rows, (PixelScore("relative", "all", 0.5, 0.25),))
    groups = found.groups()
    assert {name: len(those) for name, those in groups.items()} == {
        **{"all": 7, "hole": 6, "stain": 1},
        **{"small": 2, "medium": 2, "large": 2},
    }
    assert [row.name for row in groups["large"]] == ["hole/5", "hole/6"]
    assert found.picture_auroc() == 1
    found.write(tmp_path / "found.json")
    assert read_found(tmp_path / "found.json") == found
    assert read_found(tmp_path / "other.json") is None


def test_pixels_are_scored_over_good_parts_and_a_group() -> None:
    """The one defect is at the top of its map; the other group's does not count."""
    items = [
        Item(Path("good/1.png"), "good", None),
        Item(Path("hole/1.png"), "hole", ((0, 0, 1, 1),)),
        Item(Path("stain/1.png"), "stain", ((0, 0, 2, 2),)),
    ]
    maps = [np.zeros((4, 4), np.float32) for _ in items]
    maps[1][0, 0], maps[2][3, 3] = 1, 1
    rows = tuple(row_of(item, 1, one) for item, one in zip(items, maps, strict=True))
    scores = pixel_scores("calibrated", Found("good", rows, ()), items, maps)
    by_group = {one.group: one for one in scores}
    assert by_group["hole"].auroc == by_group["hole"].pro == 1
    assert by_group["stain"].auroc < 0.5
    assert set(ALPHAS) == {0.01, 0.05, 0.1}
