"""Raw maps held against good parts, by hand."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest

from arrays import f32
from camruntime.calibration import Evidence, Reference, Yardstick
from camruntime.errors import NonFiniteError
from camruntime.maps import bilinear
from camruntime.regions import regions_of

NINETEEN = np.arange(1.0, 20.0)  # alpha 0.1: 2 of 20 may be above, so the threshold is 18


def _yardstick(relative: bool = False) -> Yardstick:
    """Typical 10, threshold 18: a calibrated value is `1 + (raw - 18) / 8`."""
    return Yardstick(
        of=("a-method", "a target"),
        calibration="0" * 64,
        reference=Reference.of(NINETEEN),
        threshold=18.0,
        typical=10.0,
        scale=8.0,
        alpha=0.1,
        relative=relative,
    )


def _evidence(raw: object, score: float = 0.0, relative: bool = False) -> Evidence:
    return _yardstick(relative).evidence(f32(raw), score, (2, 2))


def test_a_map_with_a_unit_by_hand() -> None:
    found = _evidence([[26, 18], [10, -5]])
    np.testing.assert_allclose(found.map, [[2, 1], [0, 0]])
    np.testing.assert_allclose(found.p_values, np.array([[1, 3], [11, 20]]) / 20)
    assert (found.score, found.p_value, found.strongest) == (2.0, 0.05, 26.0)
    assert found.has_evidence


def test_a_good_part_shows_nothing() -> None:
    found = _evidence([[18, 17], [3, 0]])
    assert not found.has_evidence
    assert found.p_value == 3 / 20
    assert found.map.max() <= 1


def test_a_relative_map_says_where_and_the_score_how_much() -> None:
    """From what is typical, 10, where the map is least, up to the score, 34, where it is most."""
    found = _evidence([[0.5, 0.4], [0.3, 0.3]], score=34.0, relative=True)
    cells = np.array([[34, 22], [10, 10]])
    np.testing.assert_allclose(found.map, np.maximum(0, 1 + (cells - 18) / 8), rtol=1e-5)
    np.testing.assert_allclose(found.p_values, np.array([[1, 1], [11, 11]]) / 20)
    assert found.strongest == 34.0


def test_a_relative_map_of_a_weak_target_shows_nothing() -> None:
    found = _evidence([[0.5, 0.4], [0.3, 0.3]], score=7.0, relative=True)
    assert not found.map.any()
    assert found.strongest == 7.0
    np.testing.assert_allclose(found.p_values, np.full((2, 2), 14 / 20))


def test_a_flat_map_says_nowhere() -> None:
    """With a unit it may still be much; a relative one shows no place, however high the score."""
    assert _evidence(np.full((2, 2), 20)).has_evidence
    assert not _evidence(np.full((2, 2), 0.4), score=99.0, relative=True).has_evidence


def test_a_map_that_is_no_number_is_refused() -> None:
    with pytest.raises(NonFiniteError, match="NaN or infinity"):
        _evidence([[1, np.nan], [0, 0]])


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (3, 3), (64, 48)])
def test_a_pixel_is_beyond_the_threshold_where_a_cell_is(size: tuple[int, int]) -> None:
    """However little: between pixels' centres the peak of a cell would be missed."""
    random = np.random.default_rng(4)
    for _ in range(50):
        raw = random.uniform(0, 18.2, (4, 4)).astype(np.float32)
        raw[tuple(random.integers(0, 4, 2))] = np.float32(random.uniform(17.99, 18.01))
        found = _yardstick().evidence(raw, 0.0, size)
        assert found.has_evidence == bool((raw > 18).any()) == bool((found.map > 1).any())


def test_regions_by_hand() -> None:
    photo = np.zeros((6, 8), np.float32)
    photo[1, 1:3], photo[2, 3] = (1.5, 2), 1.25  # touches at a corner
    photo[4:6, 6] = 3
    photo[0, 7] = 1
    strong, weak = regions_of(_evidence([[26, 18], [10, -5]]), photo)
    assert (strong.x, strong.y, strong.width, strong.height, strong.area) == (6, 4, 1, 2, 2)
    assert (weak.x, weak.y, weak.width, weak.height, weak.area) == (1, 1, 3, 2, 3)
    assert (strong.strongest, weak.strongest) == (3, 2)
    assert weak.p_value == 0.05  # of 26


def test_a_rise_that_float32_cannot_hold_is_shown() -> None:
    """As much beyond the threshold as rounding makes: there is evidence, so a pixel says so."""
    yardstick = replace(_yardstick(), reference=Reference.of(NINETEEN * 1e-9), threshold=18e-9)
    found = yardstick.evidence(f32([[18.5e-9, 0], [0, 0]]), 0.0, (2, 2))
    assert found.has_evidence
    assert (found.map > 1).sum() == 1


def test_a_rise_beyond_float32_is_finite() -> None:
    found = replace(_yardstick(), scale=1e-300).evidence(f32([[26, 18], [10, -5]]), 0.0, (4, 4))
    assert found.has_evidence
    assert np.isfinite(found.map).all()


def test_rounding_lifts_no_pixel_of_a_good_part_over_the_threshold() -> None:
    """Weights of the interpolation sum to 1 but for float32's rounding."""
    value = float(np.float32(18.3))
    narrow = dataclasses.replace(
        _yardstick(), reference=Reference.of(NINETEEN + 0.3), threshold=value, scale=1e-3
    )
    flat = np.full((7, 7), value, np.float32)
    assert narrow.calibrated(bilinear((7, 7), (61, 53))(flat)).max() > 1  # what rounding does
    found = narrow.evidence(flat, 0.0, (61, 53))
    assert not found.has_evidence
    assert found.map.max() <= 1
