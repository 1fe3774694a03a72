"""From raw evidence to evidence that compares: with that of good parts, whatever the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camruntime.calibration.conformal import Numbers, Reference
from camruntime.errors import NonFiniteError
from camruntime.maps import FloatArray, bilinear, rescale

_LEAST = float(np.nextafter(np.float32(1), np.float32(2)))  # of float32, beyond the threshold
_MOST = 1e30  # far below float32's infinity, between whose pixels nothing is a number


@dataclass(frozen=True, eq=False)
class Evidence:
    """What an explanation shows beyond what good parts show.

    Attributes:
        map: float32 `(H, W)` at the size of the network's input, in units that do not depend on the
            picture: 0 is what a typical good part shows at its strongest, or less, 1 is the
            threshold, 2 as much beyond it again.
        p_values: float64 `(h, w)`, of each cell of the raw map: the share of good parts whose
            strongest evidence reaches it, counting this part: (1 + those) / (n + 1). It holds for
            all cells of a picture at once.
        score: of the whole picture, as `map`; of its strongest cell.
        p_value: of that.
        strongest: that cell, in the raw map's unit; of relative maps the target's score.
        alpha: at most this share of good parts shows any evidence.
        yardstick: what it was measured with.
    """

    map: FloatArray
    p_values: Numbers
    score: float
    p_value: float
    strongest: float
    alpha: float
    yardstick: Yardstick

    @property
    def has_evidence(self) -> bool:
        """Whether any cell is beyond the threshold."""
        return self.p_value <= self.alpha


@dataclass(frozen=True, eq=False, kw_only=True)
class Yardstick:
    """What evidence of one method for one target is measured with.

    Attributes:
        of: the method's spec and the target; `top class` where nobody asked for one by name.
        calibration: digest of that which it is from.
        reference: of p-values.
        threshold, typical, scale: in the raw map's unit, see `OfTarget`.
        alpha: as of the calibration.
        relative: the raw map has no unit: it says where, and the target's score how much.
    """

    of: tuple[str, str]
    calibration: str
    reference: Reference
    threshold: float
    typical: float
    scale: float
    alpha: float
    relative: bool

    def evidence(self, raw: FloatArray, score: float, size: tuple[int, int]) -> Evidence:
        """What a raw map shows.

        Args:
            raw: float32 `(h, w)`.
            score: of the target, a logit or the difference of logits; for relative maps.
            size: `(H, W)` of the network's input.

        Raises:
            NonFiniteError: the map holds NaN or infinity.
        """
        if not np.isfinite(raw).all():
            raise NonFiniteError(
                "the map holds NaN or infinity, so nothing can be said of its evidence: explain "
                "with another method"
            )
        cells = self._raised(rescale(raw).maps, score) if self.relative else raw
        height, width = raw.shape
        large = bilinear((height, width), size)(np.asarray(cells, np.float32))
        values = self.calibrated(large)
        p_values = self.reference.p_values(cells)
        p_value = float(p_values.min())
        strongest = float(cells.max())
        found = float(self.calibrated(strongest))
        if p_value > self.alpha:
            np.minimum(values, 1, out=values)  # rounding lifts none over the threshold
        else:  # between its pixels a cell's peak would be missed, and so would a rise by rounding
            values.flat[values.argmax()] = max(found, _LEAST)
            np.minimum(values, _MOST, out=values)
        return Evidence(
            map=np.asarray(values, np.float32),
            p_values=p_values,
            score=found,
            p_value=p_value,
            strongest=strongest,
            alpha=self.alpha,
            yardstick=self,
        )

    def calibrated(self, raw: Numbers | FloatArray | float) -> Numbers:
        """From the raw map's unit to the one in which 1 is the threshold; never below 0."""
        far = (np.asarray(raw, np.float64) - self.threshold) / self.scale
        return np.asarray(np.maximum(1 + far, 0), np.float64)

    def p_of(self, value: float) -> float:
        """The p-value of a calibrated value."""
        return float(self.reference.p_values(self.threshold + (value - 1) * self.scale))

    def _raised(self, relative: FloatArray, score: float) -> Numbers:
        """A map in [0, 1] from what is typical of good parts, at 0, up to the score, at 1."""
        return np.asarray(
            score - (1 - relative.astype(np.float64)) * max(score - self.typical, 0.0), np.float64
        )
