"""Names of parametrised cases."""

from __future__ import annotations

import numpy as np
import pytest

from camruntime.methods import ScoreCAM
from case_names import pytest_make_parametrize_id


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ((4, 6), "4x6"),
        ((0.5, "a", (1, 2)), "0.5,a,1x2"),
        ([], "nothing"),
        ({"worst": 0.9, "size": (3, 4)}, "worst=0.9,size=3x4"),
        (np.zeros((2, 3), np.float32), "float32 2x3"),
        (np.sin, "sin"),
        (ScoreCAM(preset="official"), "ScoreCAM(preset=official)"),
        (ScoreCAM(), "ScoreCAM()"),
        ("a" * 30 + "\n" + "b" * 49, "... " + "b" * 49),
        (SystemExit(3), "SystemExit"),
    ],
)
def test_a_case_is_named_by_its_value(value: object, name: str) -> None:
    assert pytest_make_parametrize_id(None, value, "value") == name


@pytest.mark.parametrize("value", ["text", 3, None, True, ScoreCAM])
def test_pytests_own_names_stay(value: object) -> None:
    assert pytest_make_parametrize_id(None, value, "value") is None


def test_a_lambda_asks_for_a_name() -> None:
    with pytest.raises(ValueError, match="a lambda has no name"):
        pytest_make_parametrize_id(None, lambda: None, "value")
