"""A minute of `benchmarks/soak.py`: threads explain while the bundle is replaced and reloaded."""

from __future__ import annotations

import gc
from pathlib import Path

import numpy as np
import pytest
from soak import grown, soak, two_bundles

import camruntime
from camruntime.engine import Engine

PHOTO = Path(__file__).parents[2] / "exported_models" / "inspector" / "samples" / "crack-1.png"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="counts in /proc")
def test_threads_and_reloads(tmp_path: Path) -> None:
    """Every map is a single thread's, of the bundle that it names."""
    found = soak(tmp_path, explanations=120, threads=8, reloads=8)
    assert found.wrong == 0
    assert sum(found.weights.values()) == 120
    assert len(found.weights) == 2
    assert abs(grown(found.files)) < 3


def test_nothing_stays_of_a_bundle_that_was_replaced(tmp_path: Path) -> None:
    """At once, not when Python next looks for what holds itself: nothing here makes it look."""
    path, other = two_bundles(tmp_path)
    explainer = camruntime.load(path, ["cpu"], threads=1)
    digests = set()
    gc.collect()
    gc.disable()
    try:
        before = _engines()
        for _ in range(4):
            path.rename(tmp_path / "aside")
            other.rename(path)
            (tmp_path / "aside").rename(other)
            explainer.reload()
            digests.add(explainer.explain(PHOTO, "grad-cam").provenance.weights)
            assert _engines() == before
    finally:
        gc.enable()
    assert len(digests) == 2


def _engines() -> int:
    return sum(type(one) is Engine for one in gc.get_objects())  # isinstance asks proxies, too


def test_growth_is_of_what_comes_after_the_first_fifth() -> None:
    steady = np.concatenate([np.linspace(0, 100, 20), np.full(80, 100.0)])
    assert grown(steady) == pytest.approx(0, abs=1e-9)
    assert grown(steady + np.arange(100)) == pytest.approx(79)
