"""A guess at the scores of masks that were not tried, from those that were: a Gaussian process.

Score-CAM's masks are small pictures of a few dozen cells, and a network's logit changes smoothly
with them, so a few scores tell much about the others. It also rises, by an unknown slope, with what
a mask lets through of what the layer saw. Rasmussen and Williams, "Gaussian Processes for Machine
Learning" (2006): sections 2.2 (prediction), 2.7 (unknown mean), 4.2 (Matern, nu = 3/2, and the
linear kernel for the slope) and 5.4.2 (leaving one out).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from camruntime.maps import FloatArray

Numbers = NDArray[np.float64]

_LENGTH = 0.75
"""Root mean square difference of two masks in [0, 1] over which scores stay alike."""

_NOISE = 1e-3
"""Part of a score's variance that its mask does not explain: equal masks may differ in rounding."""


class Surrogate:
    """What is known of n scores for each of several targets after some of them were measured.

    Everything grows with the measured rows, and nothing is computed twice: `_solved` is
    `L^-1 k(measured, all)` with `L` the Cholesky factor of `k(measured, measured)`.
    """

    def __init__(self, masks: FloatArray, seen: Numbers, targets: int) -> None:
        """Nothing measured yet.

        Args:
            masks: float32 `(n, h, w)` in [0, 1].
            seen: float64 `(h, w)`, how much the layer saw in each cell.
            targets: how many.
        """
        flat = masks.reshape(len(masks), -1).astype(np.float64)
        self._masks = flat / np.sqrt(flat.shape[1])  # distances are then root mean squares
        through = flat @ seen.ravel()
        spread = through.std()
        self._through = (through - through.mean()) / (spread if spread > 0 else 1)
        self._solved = np.empty((0, len(masks)))
        self._inverse = np.empty((0, 0))  # of L
        self._scores = np.empty((0, targets))
        self._guess: tuple[Numbers, Numbers] | None = None  # until more is measured
        self.measured = np.empty(0, np.int64)

    def measure(
        self, rows: Sequence[int] | NDArray[np.int64], scores: NDArray[np.floating]
    ) -> None:
        """Learn the scores `(k, targets)` of masks `rows`, none of which was measured before."""
        new = np.asarray(rows, np.int64)
        across = self._kernel(new)  # (k, n)
        known = self._solved[:, new].T  # (k, m)
        corner = across[:, new] + _NOISE * np.eye(len(new)) - known @ known.T
        inverse = np.linalg.inv(np.linalg.cholesky(corner))
        below = np.hstack([-inverse @ known @ self._inverse, inverse])
        self._inverse = np.vstack([np.pad(self._inverse, ((0, 0), (0, len(new)))), below])
        self._solved = np.vstack([self._solved, inverse @ (across - known @ self._solved)])
        self._scores = np.vstack([self._scores, scores])
        self.measured = np.concatenate([self.measured, new])
        self._guess = None

    def predict(self) -> tuple[Numbers, Numbers]:
        """Expected scores and their standard deviations, `(n, targets)` each.

        Of a measured row the score itself, and 0. A deviation's scale is the root mean square of
        what leaving each measured score out and guessing it misses.
        """
        if self._guess is None:
            self._guess = self._predicted()
        return self._guess

    def left_out(self) -> Numbers:
        """For each measured score, in the order of measuring, the guess that all others make.

        `(m, targets)`, the mean being unknown there, too; of a single one the score itself.
        """
        ones = self._inverse.sum(1)
        solved = self._inverse - np.outer(ones, ones @ self._inverse) / max(ones @ ones, 1e-300)
        sharpness = (solved**2).sum(0)  # solved.T @ solved is the inverse without the mean
        known = sharpness > 1e-12 * sharpness.max(initial=0)
        apart = solved.T @ (solved @ self._scores) / np.where(known, sharpness, np.inf)[:, None]
        return np.asarray(self._scores - apart)

    def _predicted(self) -> tuple[Numbers, Numbers]:
        ones, scores = self._inverse.sum(1), self._inverse @ self._scores
        mean = ones @ scores / (ones @ ones)  # generalised least squares
        rest = scores - np.outer(ones, mean)
        expected = mean + self._solved.T @ rest
        left_out = self._inverse.T @ rest / np.sqrt((self._inverse**2).sum(0))[:, None]
        unknown = np.sqrt(np.maximum(1 + self._through**2 - (self._solved**2).sum(0), 0))
        deviation = np.outer(unknown, np.sqrt((left_out**2).mean(0)))
        expected[self.measured], deviation[self.measured] = self._scores, 0
        return expected, deviation

    def _kernel(self, rows: NDArray[np.int64]) -> Numbers:
        """Matern 3/2 and the linear kernel between `rows` and all, `(k, n)`."""
        some, every = self._masks[rows], self._masks
        squares = (some**2).sum(1)[:, None] + (every**2).sum(1) - 2 * some @ every.T
        distance = np.sqrt(3 * np.maximum(squares, 0)) / _LENGTH
        smooth = (1 + distance) * np.exp(-distance)
        return np.asarray(smooth + np.outer(self._through[rows], self._through))
