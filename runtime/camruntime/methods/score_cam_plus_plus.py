"""Score-CAM++ (Chen and Zhong, 2022): channels as soft gates, and only those that raise the class.

Paper: "Score-CAM++: Class discriminative localization with feature map selection", 2022. Its source
could not be read: what two published readings say is our reading, both together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, bilinear
from camruntime.methods._registry import register
from camruntime.methods._weighted_sum import weighted_sum


@register("score-cam++")
@dataclass(frozen=True, kw_only=True)
class ScoreCAMPlusPlus:
    """Score-CAM++: `ReLU(sum_k a_k tanh(A_k))`, `a_k = p_c(x * tanh(U A_k)) - p_c(0)`.

    `A_k` is channel k of the target layer, `U` bilinear upsampling to the image, `x` the normalised
    image, `p_c` the target's probability; of an image of zeros, the mean colour, in `p_c(0)`. What
    the change of confidence is held against is our reading, as is all of it. A channel that is zero
    everywhere changes nothing and takes no pass.

    Attributes:
        select: keep only channels whose confidence rises, `a_k > 0`.
    """

    select: bool = True

    needs: ClassVar[frozenset[str]] = frozenset()
    unit: ClassVar[str] = "probability"

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0; a pass for each channel that is not zero, and 1."""
        image, maps = forward.image, forward.activations[0]
        live = maps[maps.any((1, 2))]
        shown = np.concatenate([live, np.zeros((1, *maps.shape[1:]), np.float32)])
        size = image.shape[2], image.shape[3]
        upsampling = bilinear((maps.shape[1], maps.shape[2]), size)

        def make(rows: NDArray[np.int64]) -> FloatArray:
            masks = upsampling(shown[rows])[:, None]
            return image * np.tanh(masks, out=masks)

        logits = graphs.logits_of_made_images(len(shown), make)
        confidence = forward.probabilities_of(targets, logits).T  # (targets, live + 1)
        change = confidence[:, :-1] - confidence[:, -1:]
        weights = np.maximum(change, 0) if self.select else change
        return Maps(np.maximum(weighted_sum(weights, np.tanh(live)), 0))
