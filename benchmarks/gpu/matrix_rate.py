"""What the device can do at best: one large product of matrices, through the same provider."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
from onnx import TensorProto, helper
from sheet import Sheet

from camruntime.engine import Model
from gpu.case import Case, Clock
from gpu.journal import Result
from gpu.opening import PRECISIONS, Precision, engine_of
from gpu.setting import Setting

ATTEMPTS = 10
SECONDS = 1.0
"""Products are repeated for so long, and at least so often: the fastest was disturbed least."""


@dataclass(frozen=True)
class Rate:
    """Of the fastest of the products.

    Attributes:
        precision: of factors and product; sums are the provider's own.
        side: of the two square matrices.
        seconds: of one product.
    """

    precision: str
    side: int
    seconds: float

    @property
    def flops(self) -> float:
        """Floating point operations a second; a multiplication and an addition are two."""
        return 2 * self.side**3 / self.seconds


def cases(setting: Setting) -> Iterator[Case]:
    """One for each precision."""
    for precision in PRECISIONS:
        yield Case(precision, partial(_rate, setting, precision))


def _rate(setting: Setting, precision: Precision, _clock: Clock) -> Iterator[Rate]:
    engine = engine_of(setting, "inspector", "float32" if precision == "fp16" else precision)
    side, dtype = setting.size.side, np.float16 if precision == "fp16" else np.float32
    graph = _product(side, dtype)
    model, digest = Model("product", graph), hashlib.sha256(graph).hexdigest()
    rng = np.random.default_rng(0)
    factors = {
        name: engine.upload(rng.standard_normal((side, side), np.float32).astype(dtype))
        for name in ("a", "b")
    }

    def seconds() -> float:
        """Until a value of it is in host memory: a run may end before the device has."""
        start = perf_counter()
        engine.run_other(model, digest, factors, ["corner"])[0].numpy()
        return perf_counter() - start

    seconds()  # opens the session
    taken, began = [seconds()], perf_counter()
    while len(taken) < ATTEMPTS or perf_counter() - began < SECONDS:
        taken.append(seconds())
    yield Rate(precision, side, min(taken))


def _product(side: int, dtype: type[np.floating]) -> bytes:
    """ONNX: `a` times `b`, and one value of what came out."""
    kind = TensorProto.FLOAT16 if dtype is np.float16 else TensorProto.FLOAT
    nodes = [
        helper.make_node("MatMul", ["a", "b"], ["product"]),
        helper.make_node("Slice", ["product", "start", "end"], ["corner"]),
    ]
    sides = [helper.make_tensor_value_info(name, kind, (side, side)) for name in ("a", "b")]
    ends = [
        helper.make_tensor(name, TensorProto.INT64, (2,), values)
        for name, values in (("start", (0, 0)), ("end", (1, 1)))
    ]
    corner = helper.make_tensor_value_info("corner", kind, (1, 1))
    graph = helper.make_graph(nodes, "product", sides, [corner], ends)
    opset = helper.make_opsetid("", 17)
    made: bytes = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    return made


def rates(result: Result | None) -> Mapping[str, float]:
    """Operations a second by precision."""
    return {} if result is None else {one.precision: one.flops for one in result.of(Rate)}


def sheet(result: Result) -> Sheet:
    """One line for each precision."""
    rows = [
        (one.precision, str(one.side), f"{1e3 * one.seconds:.3g}", f"{one.flops / 1e12:.4g}")
        for one in result.of(Rate)
    ]
    return Sheet("Matrix rate", ("precision", "side", "ms", "TFLOP/s"), tuple(rows))
