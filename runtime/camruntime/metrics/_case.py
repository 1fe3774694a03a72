"""What a metric is, and what it looks at: one explanation of one picture, and the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from camruntime.datasets import GroundTruth
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, saliency
from camruntime.methods import Method, run_method
from camruntime.metrics._info import MetricInfo


@dataclass(frozen=True)
class Measured:
    """What a metric found.

    Attributes:
        value: None where it has no meaning, as without ground truth, or with an empty one.
        curve: y values at evenly spaced x from 0 to 1, of metrics that are an area under it.
    """

    value: float | None
    curve: tuple[float, ...] = ()


class Metric(Protocol):
    """A metric: a frozen dataclass whose fields are its options.

    Attributes:
        info: how it is read.
    """

    __dataclass_fields__: ClassVar[dict[str, Any]]
    info: ClassVar[MetricInfo]

    def __call__(self, case: Case) -> Measured:
        """Measure one explanation."""
        ...


@dataclass(frozen=True, eq=False, kw_only=True)
class Case:
    """One explanation.

    Attributes:
        graphs: the network.
        forward: its plain pass over the picture.
        method: what made the map.
        target: index of the class that is explained.
        saliency: float32 `(H, W)` in [0, 1], at the size of the network's input.
        photo_saliency: the same at the photograph's size.
        ground_truth: where the class is in the photograph, if anybody says.
        results: of metrics that were asked before, by metric.
        ranks: of pixels, by the seed that orders equal ones, as `rank` found them.
    """

    graphs: Graphs
    forward: Forward
    method: Method
    target: int
    saliency: FloatArray
    photo_saliency: FloatArray
    ground_truth: GroundTruth | None = None
    results: dict[Metric, Measured] = field(default_factory=dict)
    ranks: dict[int, NDArray[np.intp]] = field(default_factory=dict)

    def measure(self, metric: Metric) -> Measured:
        """The metric's result; computed once, as several metrics are made of others."""
        if metric not in self.results:
            self.results[metric] = metric(self)
        return self.results[metric]

    @cached_property
    def probability(self) -> float:
        """The target's, of the picture as it is."""
        return float(self.forward.probabilities()[self.target])

    @cached_property
    def seen(self) -> Forward:
        """The plain pass over the explanation map: the normalised picture times the saliency.

        Where the saliency is 0 it has the mean colour, which normalises to 0.
        """
        return self.graphs.forward(self.forward.image * self.saliency)

    @cached_property
    def seen_saliency(self) -> FloatArray:
        """The saliency map that the method makes of the explanation map, for the same target."""
        maps = run_method(self.method, self.graphs, self.seen, [self.target])
        height, width = self.forward.image.shape[2:]
        return saliency(maps.raw[0], (height, width))[0]

    def rank(self, seed: int) -> NDArray[np.intp]:
        """Place of every pixel `(H, W)`, 0 for the most salient; equal ones in random order.

        Always the same random order for a seed, so that methods are compared under the same. By
        index, a flat map would reveal a picture from its top.
        """
        if seed not in self.ranks:
            flat = self.saliency.ravel()
            shuffled = np.random.default_rng(seed).permutation(flat.size)
            rank = np.empty(flat.size, np.intp)
            rank[shuffled[np.argsort(-flat[shuffled], kind="stable")]] = np.arange(flat.size)
            self.ranks[seed] = rank.reshape(self.saliency.shape)
        return self.ranks[seed]

    def probabilities(self, images: Sequence[FloatArray]) -> FloatArray:
        """The target's, float32 `(n,)`, of normalised pictures `(channels, H, W)`."""
        logits = self.graphs.logits(np.ascontiguousarray(images, np.float32))
        return self.forward.probabilities(logits)[:, self.target]
