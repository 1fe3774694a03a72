"""Every method's maps beside those of the CPU in float32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import product

import numpy as np
from sheet import Sheet

from camruntime.bundle import Fidelity
from camruntime.engine import Engine, OnnxGraphs
from camruntime.maps import FloatArray, pearson, rescale
from camruntime.methods import BASELINES, METHODS, make_method, run_method
from gpu.case import Case, Clock
from gpu.images import image_of
from gpu.journal import Left, Result
from gpu.networks import bundle_of
from gpu.opening import PRECISIONS, Precision, engine_of, open_engine
from gpu.setting import Setting

FLOAT32 = 1e-3
"""Of the map's range: what a float32 map may differ by. Other orders of the same sums gave 1e-5."""

CHEAPER = {
    "smooth-grad-cam++": {"samples": 4},
    "integrated-grad-cam": {"steps": 4},
    "is-cam": {"steps": 2},
    "ss-cam": {"samples": 1},
    "rise": {"masks": 200},
}


@dataclass(frozen=True)
class Alike:
    """A method's maps of all pictures beside the CPU's.

    Attributes:
        difference: the largest, over the range of the CPU's map.
        correlation: the lowest.
        same_top: share of the pictures on which the top cell is the same.
        passes: whether they count as the same: in float32 by the difference, else by the gate that
            a bundle in lower precision has to pass.
    """

    network: str
    precision: Precision
    captured: bool
    method: str
    difference: float
    correlation: float
    same_top: float
    passes: bool


def cases(setting: Setting) -> Iterator[Case]:
    """The exact precision first, and what is captured beside what is not."""
    for precision, captured in product(PRECISIONS, (False, True)):
        for network in setting.size.alike:
            what = f"{network}, {precision}{', captured' * captured}"
            yield Case(what, partial(_alike, setting, network, precision, captured))


def _alike(
    setting: Setting, network: str, precision: Precision, captured: bool, clock: Clock
) -> Iterator[Alike | Left]:
    engine = engine_of(setting, network, precision, capture=captured)
    failed = []
    every = (*METHODS, *BASELINES)
    for method in setting.size.captured or every if captured else every:
        if clock.over:
            yield clock.left(f"{network}, {precision}{', captured' * captured}, {method}")
            continue
        pictures = range(setting.size.alike[network] + captured)  # memory must not stay the same
        pairs = [
            (_on_the_cpu(setting, network, method, one), _map(engine, method, one))
            for one in pictures
        ]
        found = _judged(network, precision, captured, method, pairs)
        failed += [] if found.passes else [method]
        yield found
    if failed and precision == "float32":
        raise AssertionError(f"other maps than the CPU's in float32: {', '.join(failed)}")


@cache
def _on_the_cpu(setting: Setting, network: str, method: str, picture: int) -> FloatArray:
    return _map(_cpu(setting, network), method, picture)


@cache
def _cpu(setting: Setting, network: str) -> Engine:
    return open_engine(bundle_of(setting, network), "cpu", setting)


def _map(engine: Engine, method: str, picture: int) -> FloatArray:
    """Raw `(h, w)`, of a class that does not hang on rounding."""
    graphs = OnnxGraphs(engine)
    forward = graphs.forward(image_of(engine.bundle, picture))
    made = make_method(method, CHEAPER.get(method))
    raw: FloatArray = run_method(made, graphs, forward, [picture]).raw[0]
    return raw


def _judged(
    network: str,
    precision: Precision,
    captured: bool,
    method: str,
    pairs: list[tuple[FloatArray, FloatArray]],
) -> Alike:
    from camexport.precision import is_faithful  # imports torch

    differences = [_difference(wanted, found) for wanted, found in pairs]
    correlations = [_correlation(wanted, found) for wanted, found in pairs]
    tops = float(np.mean([w.flat[f.argmax()] == w.max() for w, f in pairs]))
    worst = min(correlations)
    measured = Fidelity(
        method=method, inputs="pictures", images=len(pairs), mean=worst, worst=worst, same_top=tops
    )
    passes = max(differences) <= FLOAT32 if precision == "float32" else is_faithful(measured)
    return Alike(network, precision, captured, method, max(differences), worst, tops, passes)


def _difference(wanted: FloatArray, found: FloatArray) -> float:
    """The largest, over the range; of a flat map over its size."""
    scale = np.ptp(wanted) if rescale(wanted).evidence else np.abs(wanted).max()
    return float(np.abs(found - wanted).max() / (scale or 1))


def _correlation(wanted: FloatArray, found: FloatArray) -> float:
    """1 of two flat maps, 0 where one of them is."""
    known = pearson(wanted, found)
    if known is not None:
        return known
    return 0.0 if rescale(wanted).evidence or rescale(found).evidence else 1.0


def sheet(result: Result) -> Sheet:
    """One line for all methods; each by itself is in the part's file."""
    header = (
        "network", "precision", "captured", "methods", "largest difference", "lowest r", "same top",
        "other maps",
    )  # fmt: skip
    together: dict[tuple[str, str, bool], list[Alike]] = {}
    for one in result.of(Alike):
        together.setdefault((one.network, one.precision, one.captured), []).append(one)
    rows = [
        (network, precision, "yes" if captured else "no", *_worst(all_of_them))
        for (network, precision, captured), all_of_them in together.items()
    ]
    return Sheet("Parity with the CPU in float32", header, tuple(rows))


def _worst(found: list[Alike]) -> tuple[str, ...]:
    furthest = max(found, key=lambda one: one.difference)
    least = min(found, key=lambda one: one.correlation)
    return (
        str(len(found)),
        f"{furthest.difference:.1e} ({furthest.method})",
        f"{least.correlation:.6f} ({least.method})",
        f"{min(one.same_top for one in found):.0%}",
        ", ".join(one.method for one in found if not one.passes) or "none",
    )
