"""An explanation that nobody wants any more ends within a chunk."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import camruntime
from camruntime import CamError, Explainer
from camruntime.errors import Cancelled
from every_method import kinds, variants

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
PHOTO = sorted((INSPECTOR / "samples").glob("*.png"))[0]
CHUNK = 4


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return camruntime.load(INSPECTOR, ["cpu"], threads=1, chunk=CHUNK)


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_no_more_than_the_chunk_under_way(explainer: Explainer) -> None:
    stop, told = threading.Event(), []

    def progress(done: int, whole: int) -> None:
        told.append((done, whole))
        if done >= 3 * CHUNK:
            stop.set()

    with pytest.raises(Cancelled):
        explainer.explain(PHOTO, "score-cam", progress=progress, cancel=stop)
    assert [done for done, _ in told] == [CHUNK, 2 * CHUNK, 3 * CHUNK]
    assert told[-1][1] > 4 * CHUNK
    assert issubclass(Cancelled, CamError)


class _After:
    """Set from the `count`-th time on that it is asked."""

    def __init__(self, count: int) -> None:
        self.left = count

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("method", [variants(name)[0] for name in kinds()])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_every_method_can_be_cancelled(explainer: Explainer, method: str, count: int) -> None:
    """Those that ask the network less often are done by then."""
    asked = _After(10**6)
    explainer.explain(PHOTO, method, cancel=asked)
    if 10**6 - asked.left > count:
        with pytest.raises(Cancelled):
            explainer.explain(PHOTO, method, cancel=_After(count))


@pytest.mark.parametrize("errors", ["raise", "yield"])
def test_streams(explainer: Explainer, errors: Any) -> None:
    stop = threading.Event()
    made = explainer.explain_each([PHOTO] * 50, "recipro-cam", errors=errors, cancel=stop)
    assert not isinstance(next(made), CamError)
    stop.set()
    with pytest.raises(Cancelled):
        list(made)
    with pytest.raises(Cancelled):
        explainer.explain([PHOTO], cancel=stop)


def test_one_that_is_not_set_changes_nothing(explainer: Explainer) -> None:
    plain = explainer.explain(PHOTO, "score-cam")
    found = explainer.explain(PHOTO, "score-cam", cancel=threading.Event())
    np.testing.assert_array_equal(found.raw, plain.raw)


def test_a_timeout_of_asyncio(explainer: Explainer) -> None:
    told: list[tuple[int, int]] = []

    def slow(done: int, whole: int) -> None:
        told.append((done, whole))
        time.sleep(0.05)

    async def within(seconds: float) -> object:
        stop = threading.Event()
        work = asyncio.to_thread(explainer.explain, PHOTO, "score-cam", cancel=stop, progress=slow)
        try:
            return await asyncio.wait_for(work, seconds)
        finally:
            stop.set()

    with pytest.raises(TimeoutError):
        asyncio.run(within(0.1))  # whose end waits for the thread
    done, whole = told[-1] if told else (0, 100)
    assert done < whole - 2 * CHUNK


@pytest.mark.parametrize("cancel", [3, True, threading.Event, object()])
def test_what_cannot_be_asked(explainer: Explainer, cancel: Any) -> None:
    with pytest.raises(CamError, match=r"cancel has is_set\(\)"):
        explainer.explain(PHOTO, cancel=cancel)
