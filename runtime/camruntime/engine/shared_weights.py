"""Weights that several graphs hold, on a device once.

Each session uploads its own copy, unless it is given one that is there already: VGG16's tail and
gradient hold the same 494 MB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from camruntime.bundle import Graph, Shared

T = TypeVar("T")


class SharedWeights(Generic[T]):
    """Uploads each tensor when a graph first needs it, and keeps it.

    Args:
        upload: puts an array on the device. What it returns must outlive the sessions.
    """

    def __init__(self, upload: Callable[[NDArray[Any]], T]) -> None:
        self._upload = upload
        self._there: dict[tuple[int, tuple[int, ...], str], T] = {}

    def of(self, graph: Graph, read: Callable[[], bytes]) -> Iterator[tuple[str, T]]:
        """What `graph` shares with others, by its names for it; `read` gives the whole file."""
        missing = [tensor for tensor in graph.shared if tensor.place not in self._there]
        weights = read() if missing else b""
        for tensor in missing:
            self._there[tensor.place] = self._upload(_read(tensor, weights))
        for tensor in graph.shared:
            yield tensor.name, self._there[tensor.place]

    def clear(self) -> None:
        """Give the memory back; after the sessions."""
        self._there.clear()


def _read(tensor: Shared, weights: bytes) -> NDArray[Any]:
    dtype = np.dtype(tensor.dtype).newbyteorder("<")
    count = math.prod(tensor.shape)
    return np.frombuffer(weights, dtype, count, tensor.offset).reshape(tensor.shape)
