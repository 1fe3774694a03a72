"""Accuracy, as it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from camruntime.datasets import Sample

RUNTIME, PYTORCH = "ONNX Runtime", "PyTorch"
"""Who answers: the bundle, and the network that it was made of, on the same prepared pictures."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Accuracy:
    """What was answered to pictures of known classes.

    Attributes:
        samples: the n pictures, with the classes that each shows.
        answers: who answered, to the top class of each picture, int64 `(n,)`; `RUNTIME` first.
        left_out: pictures that could not be used, a line each, with the reason.
    """

    samples: tuple[Sample, ...]
    answers: Mapping[str, NDArray[np.int64]]
    left_out: tuple[str, ...]

    def right(self, who: str) -> NDArray[np.bool_]:
        """`(n,)`: which pictures `who` takes for what they show."""
        pairs = zip(self.samples, self.answers[who].tolist(), strict=True)
        return np.array([predicted in sample.classes for sample, predicted in pairs], np.bool_)

    def by_class(self) -> dict[str, NDArray[np.bool_]]:
        """By the folder's name, `(n,)`: which pictures lie in it; in the order of the names."""
        names = np.array([sample.category for sample in self.samples])
        return {str(name): names == name for name in np.unique(names)}

    def share(self, who: str) -> float:
        """Of all pictures, how many `who` takes for what they show, in [0, 1]."""
        return float(self.right(who).mean())

    def balanced(self, who: str) -> float:
        """The mean of the classes' own shares: as if there were as many pictures of each."""
        right = self.right(who)
        return float(np.mean([right[those].mean() for those in self.by_class().values()]))
