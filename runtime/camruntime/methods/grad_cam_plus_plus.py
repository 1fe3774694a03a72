"""Grad-CAM++ (Chattopadhyay et al., 2018): gradients weighted cell by cell.

Paper: "Grad-CAM++: Improved visual explanations for deep convolutional networks", arXiv 1710.11063.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps
from camruntime.methods._gradients import gradients_by_target
from camruntime.methods._registry import register
from camruntime.methods._weighted_sum import weighted_sum


@register("grad-cam++")
@dataclass(frozen=True, kw_only=True)
class GradCAMPlusPlus:
    """Grad-CAM++: `ReLU(sum_k w_k A_k)`, `w_k = sum_ij a_ij ReLU(g_ij)`.

    `g` is `d y_c / d A_k`, and `a = g^2 / (2 g^2 + S g^3)` with `S = sum_ij A_k`: for a score of
    `exp(y_c)` the higher derivatives are powers of `g`. Where the denominator is 0, so is `a`.

    Attributes:
        preset: whose Grad-CAM++.
            `paper`: as above; computed as `1 / (2 + S g)`, which no small gradient can underflow.
            `grad-cam`: pytorch-grad-cam, which adds 1e-6 to the denominator and so mutes channels
            with gradients below 1e-3.
    """

    preset: Literal["paper", "grad-cam"] = "paper"

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    unit: ClassVar[str] = "logit"

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0."""
        gradients = gradients_by_target(graphs, forward, targets)
        maps = forward.activations[0]
        alpha = _paper if self.preset == "paper" else _grad_cam
        return Maps(np.stack([_map(alpha(each, maps), each, maps) for each in gradients]))


def plus_plus(gradients: FloatArray, maps: FloatArray) -> FloatArray:
    """The paper's map, float32 `(h, w)`, of gradients and activations `(C, h, w)`."""
    return _map(_paper(gradients, maps), gradients, maps)


def _map(alpha: FloatArray, gradients: FloatArray, maps: FloatArray) -> FloatArray:
    weights = (alpha * np.maximum(gradients, 0)).sum((1, 2))
    return np.asarray(np.maximum(weighted_sum(weights[None], maps)[0], 0), np.float32)


def _paper(gradients: FloatArray, maps: FloatArray) -> FloatArray:
    denominator = 2 + maps.sum((1, 2))[:, None, None] * gradients
    usable = (gradients != 0) & (denominator != 0)
    return np.where(usable, 1 / np.where(usable, denominator, 1), 0).astype(np.float32)


def _grad_cam(gradients: FloatArray, maps: FloatArray) -> FloatArray:
    square = gradients**2
    cube = square * gradients
    denominator = 2 * square + maps.sum((1, 2))[:, None, None] * cube + np.float32(1e-6)
    return np.where(gradients != 0, square / denominator, 0).astype(np.float32)
