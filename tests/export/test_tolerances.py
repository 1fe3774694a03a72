"""Limits, worked out by hand: the usual one, what rounding explains, and where nothing is told."""

from __future__ import annotations

import pytest

from camexport.parity.tolerances import HOPELESS, Tolerance

THRICE = Tolerance(1e-4, roundings=3)


@pytest.mark.parametrize(
    ("float32", "limit", "tells"),
    [
        (None, 1e-4, True),
        (0.0, 1e-4, True),
        (1e-5, 1e-4, True),
        (2e-4, 6e-4, True),
        (5e-3, HOPELESS, False),
        (1.0, HOPELESS, False),
    ],
)
def test_a_limit_grows_with_pytorchs_own_rounding(
    float32: float | None, limit: float, tells: bool
) -> None:
    assert THRICE.limit(float32) == pytest.approx(limit, rel=1e-12)
    assert THRICE.tells(float32) is tells
