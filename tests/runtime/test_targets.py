from __future__ import annotations

import numpy as np
import pytest

from camruntime.errors import TargetError
from camruntime.explaining.targets import class_index

LABELS = ("good", "scratch", "crane", "crane")


def test_index_and_label() -> None:
    assert class_index(1, LABELS) == 1
    assert class_index("scratch", LABELS) == 1
    assert class_index(np.int64(3), LABELS) == 3  # numpy's own integers


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("scrach", "did you mean scratch"),
        ("crane", r"\[2, 3\]"),
        (4, "expected 0 to 3"),
        (-1, "expected 0 to 3"),
        (1.5, "float"),
    ],
)
def test_errors_say_what_is_there(target: int | str, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        class_index(target, LABELS)
