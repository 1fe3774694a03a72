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
    """Uploads each tensor when a graph first needs it, and keeps it; not who uploads.

    An engine that held itself in this way would outlive a reload, with its sessions, until Python
    looks for such circles, when hundreds of MB may have come together.
    """

    def __init__(self) -> None:
        self._there: dict[tuple[int, tuple[int, ...], str], T] = {}

    def of(
        self, graph: Graph, read: Callable[[], bytes], upload: Callable[[NDArray[Any]], T]
    ) -> Iterator[tuple[str, T]]:
        """What `graph` shares with others, by its names for it.

        Args:
            graph: of a bundle.
            read: gives the whole file of weights.
            upload: puts an array on the device. What it returns must outlive the sessions.
        """
        missing = [tensor for tensor in graph.shared if tensor.place not in self._there]
        weights = read() if missing else b""
        for tensor in missing:
            self._there[tensor.place] = upload(_read(tensor, weights))
        for tensor in graph.shared:
            yield tensor.name, self._there[tensor.place]

    def clear(self) -> None:
        """Give the memory back; after the sessions."""
        self._there.clear()


def _read(tensor: Shared, weights: bytes) -> NDArray[Any]:
    dtype = np.dtype(tensor.dtype).newbyteorder("<")
    count = math.prod(tensor.shape)
    return np.frombuffer(weights, dtype, count, tensor.offset).reshape(tensor.shape)
