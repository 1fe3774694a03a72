"""A node's attributes, with their defaults where they are read."""

from __future__ import annotations

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray


class Attributes:
    """Attributes of one node by name and kind.

    Attributes:
        alone: shape of the node's first input when one image runs; None in a file that takes a
            batch of any size.
        full: the same when as many run as the file is for; None where that is one, or any.
    """

    alone: tuple[int, ...] | None = None
    full: tuple[int, ...] | None = None

    def __init__(self, node: ir.Node) -> None:
        self._values = {name: attribute.value for name, attribute in node.attributes.items()}

    def has(self, name: str) -> bool:
        """Whether it was given."""
        return name in self._values

    def integer(self, name: str, usual: int) -> int:
        """An integer."""
        return int(self._values.get(name, usual))

    def number(self, name: str, usual: float) -> float:
        """A float."""
        return float(self._values.get(name, usual))

    def integers(self, name: str, usual: list[int]) -> list[int]:
        """A list of integers."""
        return [int(value) for value in self._values.get(name, usual)]

    def text(self, name: str, usual: str) -> str:
        """A string."""
        value = self._values.get(name, usual)
        return value.decode() if isinstance(value, bytes) else str(value)

    def tensor(self, name: str) -> NDArray[np.generic] | None:
        """A constant, None where it was not given."""
        value = self._values.get(name)
        return None if value is None else value.numpy()
