"""Work in threads: order, how far ahead, errors in their turn, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from camruntime.explaining import in_threads


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


def test_the_order_is_that_of_the_items_and_not_of_the_work() -> None:
    def work(item: int) -> int:
        time.sleep(0.02 * (item % 2 == 0))  # even ones are overtaken
        return item**2

    found = list(in_threads(work, range(9), 3, lambda: 4))
    assert found == [0, 1, 4, 9, 16, 25, 36, 49, 64]


def test_several_at_once() -> None:
    meet = threading.Barrier(3, timeout=20)  # broken, which raises, unless three are there
    assert list(in_threads(lambda _: meet.wait() >= 0, range(6), 3, lambda: 5)) == [True] * 6


@pytest.mark.parametrize("ahead", [0, 1, 5])
def test_never_further_ahead_than_asked(ahead: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            taken.append(item)
            yield item

    for done in in_threads(lambda item: item, items(), 2, lambda: ahead):
        assert len(taken) == min(20, done + 1 + ahead)


def test_work_goes_on_while_nobody_asks() -> None:
    begun = [threading.Event() for _ in range(3)]
    made = in_threads(lambda item: begun[item].set(), range(3), 1, lambda: 2)
    next(made)
    assert all(event.wait(20) for event in begun)
    made.close()


def test_errors_of_work_and_items_come_in_their_turn() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("work")
        return item

    def broken() -> Iterator[int]:
        yield from (0, 1)
        raise KeyError("items")

    for items, error in ((range(9), ValueError), (broken(), KeyError)):
        seen: list[int] = []
        with pytest.raises(error):
            seen.extend(in_threads(work, items, 2, lambda: 4))
        made = in_threads(work, broken() if error is KeyError else range(9), 2, lambda: 4)
        expected = [0, 1] if error is KeyError else [0, 1, 2]
        assert [next(made) for _ in expected] == expected
        with pytest.raises(error):
            next(made)


def test_who_stops_early_stops_the_rest() -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        time.sleep(0.05)
        return item

    made = in_threads(work, range(1000), 2, lambda: 500)
    next(made)
    made.close()
    assert len(begun) < 10, "what waits is given up"
