from __future__ import annotations

import numpy as np

from arrays import f32
from camruntime.graphs import softmax


def test_softmax_by_hand_and_without_overflow() -> None:
    np.testing.assert_allclose(softmax(np.log(f32([[1, 3]]))), [[0.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(softmax(f32([1000, 1000])), [0.5, 0.5])
    np.testing.assert_array_equal(softmax(f32([[3.0]])), [[1.0]])
