"""Evenly spread picks, worked out by hand."""

from __future__ import annotations

import pytest

from camruntime.datasets import evenly_spread


@pytest.mark.parametrize(
    ("count", "of", "picked"),
    [
        (3, 9, [0, 3, 6]),
        (4, 10, [0, 2, 5, 7]),
        (1, 5, [0]),
        (5, 5, [0, 1, 2, 3, 4]),
        (7, 2, [0, 1]),
        (3, 0, []),
        (0, 3, []),
    ],
)
def test_picks_are_evenly_spread(count: int, of: int, picked: list[int]) -> None:
    assert evenly_spread(count, of) == picked
