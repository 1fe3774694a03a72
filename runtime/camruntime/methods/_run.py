"""A method, run: NumPy's linear algebra keeps to one thread while ONNX Runtime works beside it.

OpenBLAS's threads stay awake for tens of milliseconds after a product, on the cores that the
network needs next: on two cores, MobileNetV2's Decom-CAM takes 1.7 times as long.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

from threadpoolctl import LibController, ThreadpoolController

from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import Maps
from camruntime.methods._registry import Method

_turn = threading.Lock()


def run_method(method: Method, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
    """What `method` returns; whoever explains or measures runs it so.

    Raises:
        MethodError: the method cannot explain this network.
    """
    if not getattr(method, "multiplies", True):
        return run_checked(method, graphs, forward, targets)
    with one_blas_thread():
        return run_checked(method, graphs, forward, targets)


def run_checked(method: Method, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
    """What `method` returns, once it is seen to be maps of these targets.

    Raises:
        MethodError: it is something else, as somebody's own method may return.
    """
    made: object = method(graphs, forward, targets)
    if isinstance(made, Maps) and made.raw.ndim == 3 and len(made.raw) == len(targets):
        return made
    came = f"raw maps {made.raw.shape}" if isinstance(made, Maps) else type(made).__name__
    raise MethodError(
        f"{type(method).__name__} has to return Maps, raw (targets, h, w) of {len(targets)} "
        f"targets, got {came}"
    )


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """What was before comes back at the end.

    The number of threads is the whole process's. So the first of several threads to come sets and
    restores it, and for the others, who may stay longer, it is as it happens to be.
    """
    if not _turn.acquire(blocking=False):
        yield
        return
    try:
        before = [library.get_num_threads() for library in _libraries()]
        for library in _libraries():
            library.set_num_threads(1)
        try:
            yield
        finally:
            for library, threads in zip(_libraries(), before, strict=True):
                library.set_num_threads(threads)
    finally:
        _turn.release()


@cache
def _libraries() -> Sequence[LibController]:
    """Looks through all that is loaded, which takes 3 ms.

    threadpoolctl's own `limit` also asks each for its version and more, which takes longer than
    a small method.
    """
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return [library for library in found if library.get_num_threads() is not None]
