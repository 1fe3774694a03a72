"""What the network says of a photograph, and what a method makes of that."""

from __future__ import annotations

from dataclasses import dataclass

from camruntime.calibration import ByIndex
from camruntime.engine import BatchGraphs, Cost
from camruntime.explaining.photographs import Photograph
from camruntime.explanation import Explanation
from camruntime.graphs import Forward
from camruntime.maps import Maps
from camruntime.methods import Method


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network says of a photograph, before anybody asks why.

    Attributes:
        photograph: what it was shown.
        forward: the plain pass.
        targets: indices of the classes to explain.
        cost: the photograph's share of its batch's pass.
        graphs: the network, for the methods.
    """

    photograph: Photograph
    forward: Forward
    targets: tuple[int, ...]
    cost: Cost
    graphs: BatchGraphs

    def by_index(self, row: int) -> ByIndex:
        """What tells a target from others, whatever it is called."""
        contrast = self.photograph.wanted.contrast(row)
        if contrast is None:
            return (self.targets[row],), None
        return contrast.classes, contrast.against

    def score(self, row: int) -> float:
        """What is explained of a target: its logit, or the difference of logits of a contrast.

        Raises:
            NonFiniteError: the network's answer to the photograph is no number.
        """
        self.graphs.finite(self.forward)
        contrast = self.photograph.wanted.contrast(row)
        if contrast is None:
            return float(self.forward.scores()[self.targets[row]])
        return float(contrast.score(self.forward.logits))


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a method made of a prediction.

    Attributes:
        prediction: what was explained.
        method: the method with its options.
        maps: the method's own, for all targets.
        explanations: one for each target.
        cost: the pass and the method; neither reading the photograph nor drawing.
    """

    prediction: Prediction
    method: Method
    maps: Maps
    explanations: tuple[Explanation, ...]
    cost: Cost
