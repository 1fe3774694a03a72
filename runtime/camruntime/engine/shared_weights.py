"""Weights that several graphs hold, on a device once.

On the CPU sessions map one file and share its pages. On a device each session uploads its own copy,
unless it is given one that is there already: VGG16's tail and gradient hold the same 494 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from camruntime.bundle import Bundle, Graph, Shared

T = TypeVar("T")


class SharedWeights(Generic[T]):
    """Uploads each tensor when a graph first needs it, and keeps it.

    Args:
        bundle: whose.
        upload: puts an array on the device. What it returns must outlive the sessions.
    """

    def __init__(self, bundle: Bundle, upload: Callable[[NDArray[Any]], T]) -> None:
        self._file = bundle.folder / bundle.manifest.weights.file
        self._upload = upload
        self._there: dict[tuple[int, tuple[int, ...], str], T] = {}

    def of(self, graph: Graph) -> Iterator[tuple[str, T]]:
        """What `graph` shares with others, by its names for it."""
        for tensor in graph.shared:
            if tensor.place not in self._there:
                self._there[tensor.place] = self._upload(self._read(tensor))
            yield tensor.name, self._there[tensor.place]

    def clear(self) -> None:
        """Give the memory back; after the sessions."""
        self._there.clear()

    def _read(self, tensor: Shared) -> NDArray[Any]:
        return np.memmap(self._file, np.dtype(tensor.dtype), "r", tensor.offset, tensor.shape)
