"""Ablation-CAM (Desai and Ramaswamy, 2020): how much of the class goes with each channel?

Paper: "Ablation-CAM: Visual explanations for deep convolutional network via gradient-free
localization", WACV 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps
from camruntime.methods._registry import RELATIVE, register
from camruntime.methods._weighted_sum import weighted_sum

_NEAR_ZERO = np.float32(1e-6)  # logits below it in magnitude divide as this one does


@register("ablation-cam")
@dataclass(frozen=True, kw_only=True)
class AblationCAM:
    """Ablation-CAM: `ReLU(sum_k w_k A_k)`, `w_k = (y_c - y_c with A_k = 0) / |y_c|`.

    `A_k` is channel k of the target layer, `y_c` the target's logit. The paper divides by `y_c`
    itself. A logit has no zero of its own: adding a constant to all of them changes nothing but the
    sign of some, and a negative `y_c` would turn every weight round, so that the map shows what
    speaks against the class. Here a weight is positive where the class loses with its channel,
    whatever the sign of `y_c`. Below 1e-6 in magnitude, `y_c` counts as 1e-6 (with its own sign, 0
    as positive): the division only scales the map.

    A channel that is zero everywhere weighs 0 and takes no pass.

    Attributes:
        preset: whose rule of signs.
            `paper`: as above, the same as the paper's where `y_c` is positive.
            `grad-cam`: pytorch-grad-cam, and the formula to the letter: divided by `y_c`. Where a
            layer puts out negative values, pytorch-grad-cam ablates with -1e7 instead of zero,
            which is not followed.
    """

    preset: Literal["paper", "grad-cam"] = "paper"

    needs: ClassVar[frozenset[str]] = frozenset()
    unit: ClassVar[str] = RELATIVE

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0; a tail for each channel, shared by all targets."""
        maps = forward.activations[0]  # (C, h, w)
        live = np.flatnonzero(maps.any((1, 2)))
        if not len(live):
            return Maps(np.zeros((len(targets), *maps.shape[1:]), np.float32))
        logits = graphs.logits_of_ablated_channels(forward.layer, live)  # (live, classes)
        whole = forward.scores()[list(targets), None]
        lost = whole - forward.scores(logits)[:, list(targets)].T  # (targets, live)
        return Maps(np.maximum(weighted_sum(lost / self._divisor(whole), maps[live]), 0))

    def _divisor(self, whole: FloatArray) -> FloatArray:
        size = np.maximum(np.abs(whole), _NEAR_ZERO)
        return np.where(whole < 0, -size, size) if self.preset == "grad-cam" else size
