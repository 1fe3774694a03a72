"""Work on a long row of items in threads: in order, and never far ahead of whoever takes it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")


def in_threads(
    work: Callable[[Item], Done], items: Iterable[Item], threads: int, ahead: Callable[[], int]
) -> Generator[Done, None, None]:
    """`work(item)` for every item, in the order of the items.

    Threads help where `work` lets go of Python's lock, as reading files and OpenCV do. An error of
    `work` or `items` is raised in its turn, after what came before it. Closing the generator, like
    an error or its end, leaves no thread behind.

    Args:
        work: called in the threads.
        items: taken in the caller's thread, when there is room for one more.
        threads: at most so many.
        ahead: how many items may be under way or done when one is handed out; asked every time.
    """
    feed = iter(items)
    pending: deque[Future[Done]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        while True:
            while len(pending) <= ahead() and (one := _submit(pool, work, feed)) is not None:
                pending.append(one)
            if not pending:
                return
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _submit(
    pool: ThreadPoolExecutor, work: Callable[[Item], Done], feed: Iterator[Item]
) -> Future[Done] | None:
    try:
        return pool.submit(work, next(feed))
    except StopIteration:
        return None
    except Exception as error:
        failed: Future[Done] = Future()
        failed.set_exception(error)
        return failed
