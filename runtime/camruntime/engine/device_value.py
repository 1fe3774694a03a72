"""A tensor where the engine computes."""

from __future__ import annotations

import numpy as np

from camruntime.engine.session import Array, Value
from camruntime.engine.turns import Turn
from camruntime.maps import FloatArray


class DeviceValue:
    """A tensor in the memory of what computes: the host's, or a device's.

    Args:
        tensor: the tensor; on the CPU an array.
        turn: of the engine that computes with it. Reading and freeing it take part in it.
        source: the array that it is a copy of; None for what a graph put out.
        kept: memory of a recorded run, which the next repetition overwrites.
    """

    def __init__(
        self, tensor: Array | Value, turn: Turn, source: Array | None = None, kept: bool = False
    ) -> None:
        self.tensor = tensor
        self.source = source
        self.kept = kept
        self._turn = turn

    def numpy(self) -> FloatArray:
        """In host memory: a copy, but of a result that is there already."""
        with self._turn:
            tensor = self.tensor
            found = tensor if isinstance(tensor, np.ndarray) else tensor.numpy()
            return np.array(found, np.float32, copy=self.kept or None)

    def __del__(self) -> None:
        self._turn.leave([self.__dict__.pop("tensor", None)])
