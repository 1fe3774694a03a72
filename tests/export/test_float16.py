"""float16 graphs against numpy's float16, which rounds every result to nearest."""

from __future__ import annotations

import warnings

import numpy as np
import onnx_ir as ir
import pytest

from camexport.precision.float16 import to_float16, weights_to_float16, write_out_rounding
from camexport.precision.float16_sensitive import last_nodes, sensitive_nodes
from onnx_text import Array, graph_of, kinds, run, uniform

HALF, SINGLE = ir.DataType.FLOAT16, ir.DataType.FLOAT

LINEAR = "g (float[n,8] x) => (float[n,3] y) { h = MatMul(x, w)  s = Add(h, b)  y = Relu(s) }"


def test_weights_are_float16_and_the_ends_float32() -> None:
    model = graph_of(LINEAR, w=uniform(8, 3), b=uniform(3))
    to_float16(model, sensitive_nodes(model.graph))
    initializers = model.graph.initializers.values()
    assert {value.dtype for value in initializers} == {HALF}
    tensors = [value.const_value for value in initializers]
    assert sum(tensor.nbytes for tensor in tensors if tensor is not None) == 2 * (8 * 3 + 3)
    assert [value.dtype for value in (*model.graph.inputs, *model.graph.outputs)] == [SINGLE] * 2
    assert [value.name for value in model.graph.outputs] == ["y"]
    assert set(kinds(model, "MatMul", "Add", "Relu")) == {HALF}


def test_values_are_those_of_numpys_float16() -> None:
    """Rounded where a GPU rounds: inputs, weights, and the result of every node."""
    w, b, x = uniform(8, 3), uniform(3, seed=1), uniform(500, 8, seed=2)
    model = graph_of(LINEAR, w=w, b=b)
    to_float16(model, sensitive_nodes(model.graph))
    write_out_rounding(model)
    product = _half(_half(x).astype(np.float64) @ _half(w).astype(np.float64))
    wanted = np.maximum(product + _half(b), 0)
    found = run(model, x=x)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, _half(found), "the output has float16's values")
    # A sum may lie so close to the middle of two that the order of summation decides.
    assert (found == wanted).mean() > 0.99
    np.testing.assert_allclose(found, wanted, rtol=2**-10, atol=2**-12)


def test_the_cpu_is_made_to_round_between_nodes() -> None:
    """300 * 300 is beyond float16; ONNX Runtime itself computes both in float32 on the CPU."""
    text = """g (float[n,1,2,2] x) => (float[n,1,2,2] y) {
        a = Conv(x, w)  b = Conv(a, w)  y = Conv(b, v)
    }"""
    weights = {
        "w": np.full((1, 1, 1, 1), 300, np.float32),
        "v": np.full((1, 1, 1, 1), 1e-3, np.float32),
    }
    small, large = np.full((1, 1, 2, 2), 0.5, np.float32), np.full((1, 1, 2, 2), 3, np.float32)
    model = graph_of(text, **weights)
    to_float16(model, sensitive_nodes(model.graph))
    assert np.isfinite(run(model, x=large)).all()
    write_out_rounding(model)
    assert np.isinf(run(model, x=large)).all()
    with np.errstate(over="raise"):
        half, factor, last = (np.float16(value) for value in (0.5, 300, 1e-3))
        np.testing.assert_array_equal(run(model, x=small), half * factor * factor * last)


NORM = """g (float[n,8] x) => (float[n,8] y) {
    p = Add(x, w)
    m = ReduceMean <keepdims=1> (p, axes)
    d = Sub(p, m)
    q = Pow(d, two)
    v = ReduceMean <keepdims=1> (q, axes)
    e = Add(v, epsilon)
    s = Sqrt(e)
    z = Div(d, s)
    y = Mul(z, w)
}"""


def _written_out_norm() -> ir.Model:
    return graph_of(
        NORM,
        w=uniform(8, low=1, high=2),
        axes=np.array([-1]),
        two=np.array(2, np.float32),
        epsilon=np.array(1e-12, np.float32),
    )


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e3])
def test_a_normalisation_that_was_written_out_stays_float32(scale: float) -> None:
    """Its squares leave float16 at 1e3; at 1e-6 its epsilon counts, which is zero in float16."""
    model = _written_out_norm()
    w, x = uniform(8, low=1, high=2), uniform(50, 8, seed=1) * np.float32(scale)
    to_float16(model, sensitive_nodes(model.graph))
    assert set(kinds(model, "ReduceMean", "Sub", "Pow", "Sqrt", "Div")) == {SINGLE}
    assert set(kinds(model, "Mul")) == {HALF}
    write_out_rounding(model)
    p = (_half(x) + _half(w)).astype(np.float32)
    d = p - p.mean(-1, keepdims=True)
    z = d / np.sqrt((d**2).mean(-1, keepdims=True) + np.float32(1e-12))
    wanted = _half(z) * _half(w)
    np.testing.assert_allclose(run(model, x=x), wanted, rtol=2**-9, atol=2**-12)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("y = Softmax(x)", ("Softmax",)),
        ("y = LayerNormalization(x, w)", ("LayerNormalization",)),
        ("a = ReduceL2 <keepdims=1> (x, axes)  y = Div(x, a)", ("ReduceL2", "Div")),
        (
            "q = Mul(x, x)  a = ReduceMean <keepdims=1> (q, axes)  e = Add(a, half)"
            "  r = Pow(e, minus)  y = Mul(x, r)",
            ("Mul", "ReduceMean", "Add", "Pow"),
        ),
        (
            "q = Mul(x, x)  a = ReduceSum <keepdims=1> (q, axes)  s = Sqrt(a)  r = Reciprocal(s)"
            "  y = Mul(x, r)",
            ("Mul", "ReduceSum", "Sqrt", "Reciprocal"),
        ),
    ],
)
def test_what_stays_float32(body: str, kept: tuple[str, ...]) -> None:
    model = graph_of(
        f"g (float[n,8] x) => (float[n,8] y) {{ h = Relu(x)  {body.replace('(x', '(h')} }}",
        w=uniform(8),
        axes=np.array([-1]),
        half=np.array(0.5, np.float32),
        minus=np.array(-0.5, np.float32),
    )
    to_float16(model, sensitive_nodes(model.graph))
    assert set(kinds(model, *kept)) == {SINGLE}
    assert set(kinds(model, "Relu")) == {HALF}


def test_a_root_of_something_else_is_float16() -> None:
    model = graph_of("g (float[n] x) => (float[n] y) { a = Abs(x)  s = Sqrt(a)  y = Div(x, s) }")
    to_float16(model, sensitive_nodes(model.graph))
    assert set(kinds(model, "Abs", "Sqrt", "Div")) == {HALF}


def test_a_constant_beyond_float16_becomes_its_largest() -> None:
    """Such as what masks attention; numpy would warn and make it infinite."""
    model = graph_of(
        "g (float[n,2] x) => (float[n,2] y) { y = Max(x, low) }",
        low=np.array([-1e30, -np.inf], np.float32),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_float16(model, sensitive_nodes(model.graph))
    x = np.full((1, 2), -np.inf, np.float32)
    np.testing.assert_array_equal(run(model, x=x), [[-65504, -np.inf]])


def test_what_onnx_wants_in_float32_stays() -> None:
    """The scales of Resize; and a Cast and ConstantOfShape say what type their result has."""
    model = graph_of(
        """g (float[1,1,2,2] x, int64[4] i) => (float[1,1,4,4] y) {
            r = Resize <mode="nearest"> (x, , scales)
            c = Cast <to=1> (i)
            f = ConstantOfShape <value=float[1] {0.5}> (shape)
            s = Mul(c, f)
            y = Mul(r, s)
        }""",
        scales=np.array([1, 1, 2, 2], np.float32),
        shape=np.array([1]),
    )
    to_float16(model, sensitive_nodes(model.graph))
    x, i = uniform(1, 1, 2, 2), np.array([2, 4, 6, 8])
    wide = x.repeat(2, 2).repeat(2, 3)
    np.testing.assert_allclose(run(model, x=x, i=i), wide * [1, 2, 3, 4], rtol=2**-9)
    write_out_rounding(model)
    factors = np.array([1, 2, 3, 4], np.float16)
    np.testing.assert_array_equal(run(model, x=x, i=i), _half(wide) * factors)


def test_the_logits_are_not_rounded() -> None:
    """Only what they are made of: beside a bias float16 has no room for a small difference."""
    w, b, x = uniform(8, 3), np.full(3, 100, np.float32), uniform(50, 8, seed=2) / 100
    model = graph_of(
        """g (float[n,8] x) => (float[n,1,3] y) {
            a = Relu(x)
            l = Gemm(a, w, b)
            y = Unsqueeze(l, axis)
        }""",
        w=w,
        b=b,
        axis=np.array([1]),
    )
    to_float16(model, last_nodes(model.graph))
    weights_to_float16(model)
    assert kinds(model, "Gemm", "Unsqueeze") == [SINGLE] * 4
    assert kinds(model, "Relu") == [HALF]
    write_out_rounding(model)
    wanted = np.maximum(_half(x), 0).astype(np.float64) @ _half(w).astype(np.float64) + b
    np.testing.assert_allclose(run(model, x=x)[:, 0], wanted, atol=2e-5)


def test_weights_alone_in_float16_compute_in_float32() -> None:
    w, b, x = uniform(8, 3), uniform(3, seed=1), uniform(50, 8, seed=2)
    model = graph_of(LINEAR, w=w, b=b)
    weights_to_float16(model)
    assert {value.dtype for value in model.graph.initializers.values()} == {HALF, SINGLE}
    assert set(kinds(model, "MatMul", "Add", "Relu")) == {SINGLE}
    wanted = np.maximum(x @ _half(w).astype(np.float32) + b, 0)
    np.testing.assert_allclose(run(model, x=x), wanted, atol=1e-6)


def _half(values: Array) -> Array:
    return values.astype(np.float16)
