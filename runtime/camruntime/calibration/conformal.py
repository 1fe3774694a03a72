"""Split conformal prediction: what good parts show says what the next good part will show.

Of n good parts and one more of the same production, in any order as likely, the last one is among
the k strongest of all n + 1 with probability k / (n + 1), whatever the distribution. Vovk et al.,
"Algorithmic learning in a random world" (2005); Angelopoulos and Bates, "A gentle introduction to
conformal prediction", arXiv 2107.07511.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.float64]

_ROUNDING = 1e-9  # of 1 / alpha: 1 / 0.05 is not 20 on every machine


def parts_needed(alpha: float) -> int:
    """The fewest good parts from which on `alpha` can be promised: `n >= 1 / alpha - 1`."""
    parts = math.ceil(1 / alpha - 1 - _ROUNDING)
    return parts if 1 / (parts + 1) <= alpha else parts + 1


@dataclass(frozen=True, eq=False)
class Reference:
    """What p-values are taken from: the strongest evidence of each good part, for one target.

    For a target that is asked for by name, `own` is `every`, and `others` is empty:
    `p(x) = (1 + #{own >= x}) / (n + 1)`.

    For the target "each picture's top class" that would promise too little: good parts that the
    network takes for scratches are those with the most evidence of a scratch. There each part has
    the rank of its evidence among all parts' evidence of *its own* top class, and a new part is
    compared with these ranks: `own` holds those of the same top class as the new part, `others` the
    ranks of the rest, and `p(x) = (1 + #{own >= x} + #{others <= 1 + #{every >= x}}) / (n + 1)`.
    Ranks of the rest do not count the new part, which can only make them smaller and p larger.

    Attributes:
        every: float64 `(n,)`, ascending; of the class, all parts'.
        own: float64, ascending: of those whose top class it is.
        others: int64, ascending: how many parts have as much evidence of that part's top class.
    """

    every: Numbers
    own: Numbers
    others: NDArray[np.int64]

    @classmethod
    def of(cls, strongest: ArrayLike) -> Reference:
        """For a target that is asked for by name."""
        every = np.sort(np.asarray(strongest, np.float64))
        return cls(every, every, np.empty(0, np.int64))

    def p_values(self, evidence: ArrayLike) -> Numbers:
        """That a good part's strongest reaches it, of each value of `evidence`; float64."""
        asked = np.asarray(evidence, np.float64)
        reached = _at_least(self.own, asked)
        ranks = 1 + _at_least(self.every, asked)
        reached = reached + np.searchsorted(self.others, ranks, side="right")
        return np.asarray((1 + reached) / (len(self.every) + 1), np.float64)

    def threshold(self, alpha: float) -> float:
        """Evidence above it has a p-value of at most `alpha`; infinite where none has.

        Of a target that is asked for by name it is the `ceil((n + 1)(1 - alpha))`-th smallest.
        """
        beyond = self.p_values(np.nextafter(self.every, np.inf)) <= alpha
        return float(self.every[beyond].min()) if beyond.any() else math.inf


def top_class_reference(
    classes: Mapping[int, Numbers], tops: NDArray[np.int64], top: int
) -> Reference:
    """For the target "each picture's top class", where that is `top`.

    Args:
        classes: for each class that may be the top one, float64 `(n,)`, its strongest evidence in
            each good part.
        tops: int64 `(n,)`, the top class of each good part.
        top: of the new one.
    """
    ordered = {index: np.sort(classes[index]) for index in {top, *tops.tolist()}}
    rest = np.flatnonzero(tops != top)
    ranks = [int(_at_least(ordered[tops[row]], classes[tops[row]][row])) for row in rest]
    return Reference(
        ordered[top], np.sort(classes[top][tops == top]), np.sort(np.array(ranks, np.int64))
    )


def _at_least(ordered: Numbers, asked: Numbers) -> NDArray[np.int64]:
    """How many of `ordered` are at least as large."""
    return np.asarray(len(ordered) - np.searchsorted(ordered, asked, side="left"), np.int64)
