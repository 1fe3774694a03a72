"""Whose turn it is to compute: one lock for each provider that needs one, none for the others."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from camruntime.bundle import open_bundle
from camruntime.engine import DeviceValue, Engine
from camruntime.engine.turns import OneAtATime, turn_of
from camruntime.explainer import Explainer
from camruntime.provider_names import CPU, CUDA, WEBGPU


def _at_once(turn: object) -> int:
    """How many of two threads are in the turn at the same time."""
    inside, most, lock = 0, 0, threading.Lock()

    def enter(_: int) -> None:
        nonlocal inside, most
        with turn:  # type: ignore[attr-defined]
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.05)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(2) as pool:
        [*pool.map(enter, range(2))]
    return most


def test_the_cpu_and_cuda_compute_for_all_threads_at_once() -> None:
    assert _at_once(turn_of(CPU, capture=False)) == 2
    assert _at_once(turn_of(CUDA, capture=False)) == 2


def test_all_that_record_runs_have_one_turn() -> None:
    """While CUDA records, an allocation of another thread fails."""
    one = turn_of(CUDA, capture=True)
    assert one is turn_of(CUDA, capture=True)
    assert _at_once(one) == 1


def test_webgpu_has_one_turn_in_the_process() -> None:
    one = turn_of(WEBGPU, capture=False)
    assert one is turn_of(WEBGPU, capture=True)
    assert _at_once(one) == 1
    with one, one:
        pass  # a thread may enter its own again


def test_what_is_left_is_freed_by_the_thread_in_turn_and_waits_for_none() -> None:
    """Else a thread that frees something while it holds a lock could wait forever."""
    turn, inside, go_on = OneAtATime(), threading.Event(), threading.Event()
    freed: list[int] = []

    class Thing:
        def __del__(self) -> None:
            freed.append(threading.get_ident())

    def compute() -> int:
        with turn:
            inside.set()
            assert go_on.wait(10)
        return threading.get_ident()

    with ThreadPoolExecutor(1) as pool:
        computing = pool.submit(compute)
        assert inside.wait(10)
        turn.leave([Thing(), Thing()])
        assert not freed, "somebody computes"
        go_on.set()
        assert freed == [computing.result()] * 2
    turn.leave([Thing()])
    assert freed[2:] == [threading.get_ident()]
    with turn:
        turn.leave([Thing()])
        assert len(freed) == 4, "in turn, one frees at once"


class Counting:
    """A turn that knows whether somebody is in it."""

    def __init__(self) -> None:
        self.depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *_: object) -> None:
        self.depth -= 1

    def leave(self, things: list[object]) -> None:
        with self:
            things.clear()


@pytest.mark.parametrize("spec", ["score-cam", "decom-cam:components=3", "recipro-cam", "grad-cam"])
def test_sessions_open_and_run_in_turn(
    inspector: Path, samples: list[Path], monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    turn, seen = Counting(), []
    monkeypatch.setattr("camruntime.engine.engine.turn_of", lambda *_, **__: turn)
    engine = Engine(open_bundle(inspector), ["cpu"], threads=1)
    for place, name in WATCHED:
        module = importlib.import_module(f"camruntime.engine.{place}")
        call: Callable[..., Any] = getattr(module, name)

        def watched(
            *given: Any, name: str = name, call: Callable[..., Any] = call, **named: Any
        ) -> Any:
            seen.append((name, turn.depth > 0))
            return call(*given, **named)

        monkeypatch.setattr(module, name, watched)
    Explainer(engine, 16).explain(samples[0], spec)
    assert {name for name, _ in seen} >= {"run_on_host", "open_session"}
    assert all(inside for _, inside in seen)
    assert turn.depth == 0


WATCHED = (
    ("engine", "run_on_host"),
    ("engine", "run_bound"),
    ("engine", "upload"),
    ("sessions", "open_session"),
)


def test_results_are_read_and_freed_in_turn() -> None:
    turn, depths = Counting(), []

    class Tensor:
        def numpy(self) -> np.ndarray[Any, np.dtype[np.float32]]:
            depths.append(turn.depth)
            return np.ones(3, np.float32)

        def __del__(self) -> None:
            depths.append(turn.depth)

    value = DeviceValue(Tensor(), turn)
    assert value.numpy().sum() == 3
    del value
    assert depths == [1, 1]
