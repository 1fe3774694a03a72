"""Maps that ask no network: what a saliency method has to beat.

Objects lie near the centre of photographs and have edges, so such maps score well in many metrics.
A method that does no better has shown nothing about the network.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from camruntime._checks import within
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps
from camruntime.methods._registry import BASELINES, M
from camruntime.pictures import gaussian_blur


def _baseline(name: str) -> Callable[[M], M]:
    def enter(kind: M) -> M:
        BASELINES[name] = kind
        return kind

    return enter


@_baseline("centre-gaussian")
@dataclass(frozen=True, kw_only=True)
class CentreGaussian:
    """Falls off from the middle of the picture.

    Attributes:
        sigma: of height and of width, as a part of each.
    """

    sigma: float = 0.25

    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        within("centre-gaussian", MethodError, ("sigma", self.sigma, 0.001, 1000))

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """The same map at the image's size for every target."""
        rows, columns = (
            np.exp(-(((np.arange(size) + 0.5) / size - 0.5) ** 2) / (2 * self.sigma**2))
            for size in forward.image.shape[2:]
        )
        return _for_all(np.outer(rows, columns), targets)


@_baseline("uniform")
@dataclass(frozen=True, kw_only=True)
class Uniform:
    """The same everywhere, so without evidence."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Ones at the target layer's size."""
        return _for_all(np.ones(forward.activations.shape[2:], np.float32), targets)


@_baseline("random")
@dataclass(frozen=True, kw_only=True)
class Random:
    """Independent noise in every cell of the target layer, the same whenever the picture is.

    Attributes:
        seed: of the noise.
    """

    seed: int = 0

    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        within("random", MethodError, ("seed", self.seed, 0, 2**63 - 1))

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Uniform in [0, 1), one map for each target."""
        picture = zlib.crc32(forward.image.tobytes())
        grid = forward.activations.shape[2:]
        names = [_name_of(forward, one) for one in targets]
        maps = [np.random.default_rng([self.seed, picture, *name]).random(grid) for name in names]
        return Maps(np.asarray(maps, np.float32).reshape(-1, *grid))


def _name_of(forward: Forward, target: int) -> tuple[int, ...]:
    """Numbers that no other class or contrast has.

    A contrast's column depends on what it is asked for with, so its score stands for it.
    """
    if target < len(forward.logits) - forward.contrasts:
        return (target,)
    return 0xFFFFFFFF, int(np.float32(forward.logits[target]).view(np.uint32))


@_baseline("edges")
@dataclass(frozen=True, kw_only=True)
class EdgesOnly:
    """The picture's edges (Scharr), blurred.

    Attributes:
        sigma: of the Gaussian blur, as a part of the picture's shorter side; 0 does not blur.
    """

    sigma: float = 0.02

    needs: ClassVar[frozenset[str]] = frozenset()

    def __post_init__(self) -> None:
        within("edges", MethodError, ("sigma", self.sigma, 0, 1))

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """The same map at the image's size for every target."""
        found = graphs.edges(forward.normalisation.drawn(forward.image), "scharr")
        pixels = self.sigma * min(found.map.shape)
        picture = np.repeat(found.map[None, None], 3, axis=1)
        blurred = gaussian_blur(picture, pixels)[0, 0] if pixels else found.map
        return Maps(_for_all(blurred, targets).raw, edges=found.name)


def _for_all(one: FloatArray, targets: Sequence[int]) -> Maps:
    return Maps(np.repeat(one[None].astype(np.float32), len(targets), axis=0))
