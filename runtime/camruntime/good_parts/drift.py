"""When good parts begin to look different: a change-point test on conformal p-values.

Each new part's strongest evidence gets its rank among those of all good parts so far, calibration
included, as a p-value. As long as all are of the same production these are independent and uniform,
and no bet on them wins in the long run. The Simple Jumper bets on small or large ones and changes
its mind now and then; bets that begin at every part, added up, are the Shiryaev-Roberts procedure.
Vovk et al., "Retrain or not retrain: conformal test martingales for change-point detection",
arXiv 2102.10439.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from camruntime._checks import whole, within
from camruntime._text import named, shown
from camruntime.calibration import Calibration, Evidence, OfTarget
from camruntime.errors import CalibrationError, nearest
from camruntime.explanation import Explanation
from camruntime.good_parts.targets import as_asked

_BETS = np.array([-1.0, 0.0, 1.0])
_JUMP = 0.01
_MOST = 1e200  # far beyond any alarm, and far from infinity
_KEPT = 1000  # parts since a rise began: more are not told apart by a person


@dataclass(frozen=True)
class Moved:
    """A part, with its p-value, and the factor by which it raised or lowered the statistic."""

    name: str
    p_value: float
    factor: float


@dataclass(frozen=True)
class Alarm:
    """Good parts look different from those of the calibration.

    Attributes:
        part: number of the part that raised it, from 1 on.
        began: number of the part with which the rise began.
        statistic: at least `parts_per_false_alarm`.
        direction: whether parts since then show more evidence than before, or less.
        moved_by: the parts since then that raised the statistic most, first.
    """

    part: int
    began: int
    statistic: float
    direction: Literal["more", "less"]
    moved_by: tuple[Moved, ...]


class Drift:
    """Watches the good parts of a running line, one after the other.

    As long as nothing changes, it takes `parts_per_false_alarm` parts or more in the mean until it
    gives an alarm; the probability of one within the first n parts is at most
    n / `parts_per_false_alarm`. A number is kept for each part: 8 MB for a million.

    Parts are added by one thread, in the order in which they are made.

    Attributes:
        method, target: what is watched, in the calibration's words.
        asked: the target, as `Explainer.explain` takes it.
        parts: so many were watched.
    """

    def __init__(
        self,
        calibration: Calibration | None,
        method: str | None = None,
        target: str | None = None,
        parts_per_false_alarm: int = 10_000,
        seed: int = 0,
    ) -> None:
        """Begin with what the calibration's good parts show.

        Args:
            calibration: of the bundle that explains, as `Explainer.calibration`; None is refused.
            method: one of the calibration's, as a spec; None takes its first.
            target: one of the calibration's; None takes its last, which is `not good` where the
                bundle names the class of good parts and nobody chose others.
            parts_per_false_alarm: as above.
            seed: of the numbers that rank equal parts.

        Raises:
            CalibrationError: the calibration is not of that method or target, or the network calls
                none of its parts good.
        """
        if not isinstance(calibration, Calibration):
            raise CalibrationError(
                f"expected a calibration, such as Explainer.calibration, got {shown(calibration)}"
            )
        self.method = calibration.methods[0].method if method is None else method
        of_method = calibration.of_method(self.method)
        known = {one.target: one for one in of_method.targets}
        self.target = of_method.targets[-1].target if target is None else target
        if self.target not in tuple(known):  # a list has no hash
            raise CalibrationError(
                f"the calibration is not of '{named(self.target)}': "
                f"{nearest(str(self.target), known)}"
            )
        self.parts_per_false_alarm = whole(
            "parts_per_false_alarm", parts_per_false_alarm, 2, 10**12, CalibrationError
        )
        self._calibration = calibration.digest
        self._good = calibration.good
        self.asked = as_asked(known[self.target])
        self._before = _of_good_parts(calibration, known[self.target])
        if not self._before:
            raise CalibrationError(
                f"the network calls none of the calibration's {len(calibration.parts)} good parts "
                "good, so new ones cannot be compared: build the bundle with the right --good"
            )
        self._random = np.random.default_rng(whole("seed", seed, 0, 2**63, CalibrationError))
        self.reset()

    def reset(self) -> None:
        """Begin anew with the calibration's parts alone: after an alarm that was looked into."""
        self._seen = array("d", self._before)
        self._bets = np.zeros(len(_BETS))
        self._rise = 0.0
        self._since: deque[Moved] = deque(maxlen=_KEPT)
        self.parts = self._began = 0

    @property
    def statistic(self) -> float:
        """Shiryaev and Roberts's; an alarm from `parts_per_false_alarm` on."""
        return float(self._bets.sum())

    def add(self, explanation: Explanation, name: str = "") -> Alarm | None:
        """Take note of a part, if the network calls it good; an alarm while there is one.

        Parts that it calls bad are not looked at, neither here nor in the calibration: defects come
        and go. Without a class of good parts in the bundle every part counts as good.

        Args:
            explanation: by the same method, of the same target, with the calibration.
            name: of the part, to be told in an alarm.

        Raises:
            CalibrationError: it is of another method or target, or has no calibration.
        """
        if not isinstance(explanation, Explanation):
            raise CalibrationError(f"expected one explanation, got {shown(explanation)}")
        evidence = self._fitting(explanation.evidence)
        if self._good is not None and explanation.predicted.index != self._good:
            return None
        return self.add_evidence(evidence.strongest, name)

    def add_evidence(self, strongest: float, name: str = "") -> Alarm | None:
        """Take note of a good part's strongest evidence, in the raw map's unit."""
        within("drift", CalibrationError, ("evidence", strongest, -1e300, 1e300))
        p_value = self._p_value(strongest)
        before = self.statistic
        self._bets += 1 / len(_BETS)  # a bet that begins with this part
        self._bets = (1 - _JUMP) * self._bets + _JUMP * self._bets.mean()
        self._bets = np.minimum(self._bets * (1 + _BETS * (p_value - 0.5)), _MOST)
        self.parts += 1
        self._remember(Moved(name, p_value, self.statistic / (before + 1)))
        return self._alarm() if self.statistic >= self.parts_per_false_alarm else None

    def _fitting(self, evidence: Evidence | None) -> Evidence:
        if evidence is None or evidence.yardstick.of != (self.method, self.target):
            method, target = ("no method", "nothing") if evidence is None else evidence.yardstick.of
            raise CalibrationError(
                f"expected evidence by {self.method} of '{self.target}', got it by {method} of "
                f"'{target}': explain with the calibration, that method and that target"
            )
        if evidence.yardstick.calibration != self._calibration:
            raise CalibrationError(
                "the explanation is held against another calibration than the one that is watched: "
                "after another bundle or calibration was loaded, begin with a new Drift"
            )
        return evidence

    def _p_value(self, strongest: float) -> float:
        """The share of parts so far, this one included, that show more; ties at random."""
        above = len(self._seen) - bisect_right(self._seen, strongest)
        equal = len(self._seen) - above - bisect_left(self._seen, strongest)
        self._seen.insert(len(self._seen) - above, strongest)
        return float(above + self._random.random() * (equal + 1)) / len(self._seen)

    def _remember(self, moved: Moved) -> None:
        """What is kept begins where the product of factors was last at its lowest."""
        self._rise = max(0.0, self._rise + float(np.log(moved.factor)))
        if self._rise == 0:
            self._since.clear()
            self._began = self.parts + 1
        else:
            self._since.append(moved)

    def _alarm(self) -> Alarm:
        more = sum(one.p_value for one in self._since) < len(self._since) / 2
        moved = sorted(self._since, key=lambda one: -one.factor)
        return Alarm(
            part=self.parts,
            began=self._began,
            statistic=self.statistic,
            direction="more" if more else "less",
            moved_by=tuple(one for one in moved if one.factor > 1),
        )


def _of_good_parts(calibration: Calibration, target: OfTarget) -> list[float]:
    """What parts show that the network calls good, ascending."""
    pairs = zip(calibration.parts, target.strongest, strict=True)
    return sorted(
        one for part, one in pairs if calibration.good is None or part.top == calibration.good
    )
