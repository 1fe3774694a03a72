"""Products with a stored matrix that was transposed, against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from camexport.graphs.gemm_transposed import multiply_transposed
from onnx_text import graph_of, run

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)


def test_a_stored_matrix_is_not_turned() -> None:
    model = graph_of(
        """g (float[n, 3] x) => (float[n, 4] y) {
            turned = Transpose<perm = [1, 0]>(w)
            y = MatMul(x, turned)
        }""",
        w=MATRIX,
    )
    multiply_transposed(model)
    assert [node.op_type for node in model.graph] == ["Gemm"]
    x = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    np.testing.assert_allclose(run(model, x=x), x @ MATRIX.T, rtol=1e-6)


def test_a_matrix_that_others_read_too_stays() -> None:
    model = graph_of(
        """g (float[n, 3] x) => (float[n, 4] y) {
            turned = Transpose<perm = [1, 0]>(w)
            product = MatMul(x, turned)
            total = ReduceSum(turned)
            y = Add(product, total)
        }""",
        w=MATRIX,
    )
    multiply_transposed(model)
    assert [node.op_type for node in model.graph] == ["Transpose", "Gemm", "ReduceSum", "Add"]
    x = np.ones((2, 3), np.float32)
    np.testing.assert_allclose(run(model, x=x), x @ MATRIX.T + MATRIX.sum(), rtol=1e-6)


@pytest.mark.parametrize(
    "text",
    [
        "g (float[2, n, 3] x) => (float[2, n, 4] y) { t = Transpose(w) y = MatMul(x, t) }",
        "g (float[4, 5] x) => (float[3, 5] y) { t = Transpose(w) y = MatMul(t, x) }",
        "g (float[4, 3] x) => (float[4, 4] y) { t = Transpose(x) y = MatMul(w, t) }",
    ],
)
def test_other_products_stay(text: str) -> None:
    model = graph_of(text, w=MATRIX)
    multiply_transposed(model)
    assert [node.op_type for node in model.graph] == ["Transpose", "MatMul"]
