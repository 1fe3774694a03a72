"""How many threads NumPy's linear algebra has, as the library that counts them sees it."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import camruntime
from camruntime.methods import GradCAM, ReciproCAM, _run
from camruntime.methods._run import one_blas_thread


def _threads() -> set[int]:
    """Of every library of linear algebra that is loaded; some of OpenCV's have one at most."""
    np.ones((2, 2)) @ np.ones((2, 2))
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _before() -> object:
    if not _threads():
        pytest.skip("NumPy's linear algebra is of a library whose threads cannot be counted")
    _run._libraries.cache_clear()  # other tests may have loaded more of them, such as scipy's
    with threadpool_limits(limits=2, user_api="blas") as limits:
        yield limits


def test_one_inside_and_as_before_behind_it() -> None:
    with one_blas_thread():
        assert _threads() == {1}
        with one_blas_thread():
            assert _threads() == {1}
        assert _threads() == {1}
    assert max(_threads()) == 2


def test_an_error_restores_them() -> None:
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        raise ZeroDivisionError
    assert max(_threads()) == 2


def test_a_second_thread_changes_nothing() -> None:
    """Whether it leaves before the first or behind it."""
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with one_blas_thread():
            inside.set()
            leave.wait()

    first, second = (threading.Thread(target=stay) for _ in range(2))
    with one_blas_thread():
        first.start()
        inside.wait()
        leave.set()
        first.join()
        assert _threads() == {1}
        inside.clear()
        leave.clear()
        second.start()
        inside.wait()
    assert max(_threads()) == 2
    leave.set()
    second.join()
    assert max(_threads()) == 2


def test_methods_run_with_one(
    inspector: Path, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[set[int]] = []
    once = GradCAM.__call__

    def spy(*arguments: object) -> object:
        found.append(_threads())
        return once(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(GradCAM, "__call__", spy)
    camruntime.load(inspector, ["cpu"]).explain(samples[0], "grad-cam")
    assert found == [{1}]
    assert max(_threads()) == 2


def test_a_method_that_multiplies_nothing_is_left_as_it_is(
    inspector: Path, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking after NumPy's threads would take a part of it, and nobody waits for them."""

    def never() -> object:
        raise AssertionError("NumPy's threads were looked after")

    monkeypatch.setattr(_run, "one_blas_thread", never)
    assert ReciproCAM.multiplies is False
    camruntime.load(inspector, ["cpu"]).explain(samples[0], "recipro-cam")
    with pytest.raises(AssertionError, match="looked after"):
        camruntime.load(inspector, ["cpu"]).explain(samples[0], "grad-cam")
