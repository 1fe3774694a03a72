"""Smooth Grad-CAM++ (Omeiza et al., 2019): the mean Grad-CAM++ map of noisy images.

Paper: "Smooth Grad-CAM++: An enhanced inference level visualization technique for deep
convolutional neural network models", arXiv 1908.01224.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from camruntime._checks import within
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps
from camruntime.methods._gradients import gradients_by_image
from camruntime.methods._registry import register
from camruntime.methods._weighted_sum import weighted_sum
from camruntime.methods.grad_cam_plus_plus import plus_plus


@register("smooth-grad-cam++")
@dataclass(frozen=True, kw_only=True)
class SmoothGradCAMPlusPlus:
    """Smooth Grad-CAM++: the mean over noisy images `x + N(0, sigma^2)` of their Grad-CAM++ maps.

    Attributes:
        preset: whose.
            `paper`: as above.
            `torch-cam`: torch-cam averages `g^2` and `g^3` over the noisy images instead, takes `S`
            of Grad-CAM++ from the clean one, and the ReLU'd gradient and the weighted activations
            from the last noisy one.
        samples: noisy images; the paper does not say how many.
        sigma: standard deviation of the noise, in units of the normalised image.
        seed: of the noise, `numpy.random.default_rng(seed).standard_normal((samples, 3, H, W))`.
    """

    preset: Literal["paper", "torch-cam"] = "paper"
    samples: int = 4
    sigma: float = 0.3
    seed: int = 0

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    unit: ClassVar[str] = "logit"

    def __post_init__(self) -> None:
        within(
            "smooth-grad-cam++",
            MethodError,
            ("samples", self.samples, 1, 1000),
            ("sigma", self.sigma, 0, 100),
            ("seed", self.seed, 0, 2**63 - 1),
        )

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, all >= 0; `samples` heads and gradients."""
        noise = np.random.default_rng(self.seed).standard_normal(
            (self.samples, *forward.image.shape[1:]), dtype=np.float32
        )
        noisy = graphs.layer(forward.image + np.float32(self.sigma) * noise)
        gradients = gradients_by_image(graphs, noisy, targets)  # (targets, samples, C, h, w)
        if self.preset == "torch-cam":
            clean, last = forward.activations[0], noisy.activations[-1]
            return Maps(np.stack([_torch_cam(each, clean, last) for each in gradients]))
        return Maps(np.stack([_mean(each, noisy.activations) for each in gradients]))


def _mean(gradients: FloatArray, activations: FloatArray) -> FloatArray:
    """Mean Grad-CAM++ map `(h, w)` of gradients and activations `(samples, C, h, w)`."""
    maps = [plus_plus(*pair) for pair in zip(gradients, activations, strict=True)]
    return np.asarray(np.mean(maps, 0), np.float32)


def _torch_cam(gradients: FloatArray, clean: FloatArray, last: FloatArray) -> FloatArray:
    """Map `(h, w)` of gradients `(samples, C, h, w)` and activations `(C, h, w)`."""
    square, cube = (gradients**2).mean(0), (gradients**3).mean(0)
    denominator = 2 * square + (cube * clean).sum((1, 2), keepdims=True) + np.float32(1e-8)
    weights = (square / denominator * np.maximum(gradients[-1], 0)).sum((1, 2))
    return np.asarray(np.maximum(weighted_sum(weights[None], last)[0], 0), np.float32)
