"""What helpers share: they run a method on other images than the photograph, and are one too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps
from camruntime.methods._registry import Method, preferred, unit_of

_AT_ONCE = 16
"""Images that are passed forward together, so that a method's gradients of them share a call."""


@dataclass(frozen=True)
class Around:
    """A method that goes around another one, and needs, prefers and measures what that does.

    Attributes:
        method: the other one.
    """

    method: Method

    def __post_init__(self) -> None:
        if isinstance(self.method, type) or not hasattr(self.method, "needs"):
            name = type(self).__name__
            raise MethodError(
                f"{name} goes around a method as an object, such as {name}(ReciproCAM()), got "
                f"{self.method!r:.60}"
            )

    @property
    def needs(self) -> frozenset[str]:
        """Those of the method."""
        return self.method.needs

    @property
    def prefers(self) -> frozenset[str]:
        """That of the method."""
        return preferred([self.method])

    @property
    def unit(self) -> str | None:
        """That of the method, whose maps are averaged as they are."""
        return unit_of(self.method)

    @property
    def multiplies(self) -> bool:
        """As the method."""
        return getattr(self.method, "multiplies", True)


class Explained(NamedTuple):
    """An image, passed forward and explained."""

    forward: Forward
    maps: Maps


def explain_each(
    method: Method, graphs: Graphs, wanted: Iterable[tuple[FloatArray, Sequence[int]]]
) -> Iterator[Explained]:
    """What a method says of each image `(1, channels, H, W)` and its targets, in order.

    A few images are passed forward together; their number is not limited.
    """
    look = graphs.forwards_with_cells if "cells" in preferred([method]) else graphs.forwards
    left = iter(wanted)
    while some := list(islice(left, _AT_ONCE)):
        passes = look(np.concatenate([image for image, _ in some]))
        shared = graphs.shared(passes, [targets for _, targets in some])
        for one, (_, targets) in zip(passes, some, strict=True):
            yield Explained(one, method(shared, one, targets))
