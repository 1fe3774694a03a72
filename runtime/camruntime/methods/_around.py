"""What helpers share: they run a method on other images than the photograph, and are one too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

import numpy as np

from camruntime.errors import MethodError, NonFiniteError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps
from camruntime.methods._registry import Method, preferred, spec_of, unit_of
from camruntime.methods._run import run_checked

_AT_ONCE = 16
"""Images that are passed forward together, so that a method's gradients of them share a call."""

_DEEPEST = 8
"""Helpers around a method: each multiplies what it costs."""


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
        inner, levels = self.method, 1
        while isinstance(inner, Around):
            inner, levels = inner.method, levels + 1
        if levels > _DEEPEST:
            raise MethodError(f"helpers go around each other {_DEEPEST} times at most: use fewer")

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


def explain_one(
    method: Method, graphs: Graphs, forward: Forward, targets: Sequence[int], count: int
) -> Maps:
    """What a method says of the photograph itself, the first of `count` images.

    Raises:
        MethodError: it returns no maps of these targets.
        NonFiniteError: a map holds NaN or infinity, which another image's would hide.
    """
    maps = run_finite(method, graphs.shared([forward], [targets]), forward, targets)
    graphs.told(1, count)
    return maps


def explain_each(
    method: Method,
    graphs: Graphs,
    wanted: Iterable[tuple[FloatArray, Sequence[int]]],
    before: int,
    count: int,
) -> Iterator[Explained]:
    """What a method says of each image `(1, channels, H, W)` and its targets, in order.

    A few images are passed forward together; their number is not limited. `before` of `count` were
    explained before.

    Raises:
        MethodError, NonFiniteError: as of `explain_one`.
    """
    look = graphs.forwards_with_cells if "cells" in preferred([method]) else graphs.forwards
    left, done = iter(wanted), before
    while some := list(islice(left, _AT_ONCE)):
        passes = look(np.concatenate([image for image, _ in some]))
        shared = graphs.shared(passes, [targets for _, targets in some])
        for one, (_, targets) in zip(passes, some, strict=True):
            yield Explained(one, run_finite(method, shared, one, targets))
            done += 1
            graphs.told(done, count)


def run_finite(method: Method, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
    """What a method says, of which every number counts.

    Raises:
        MethodError, NonFiniteError: as of `explain_one`.
    """
    maps = run_checked(method, graphs, forward, targets)
    if not np.isfinite(maps.raw).all():
        raise NonFiniteError(
            f"a map of {spec_of(method)} holds NaN or infinity, so there is no mean of it and "
            "others; check the network's weights with `camexport verify`"
        )
    return maps
