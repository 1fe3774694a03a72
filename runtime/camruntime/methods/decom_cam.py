"""Decom-CAM (Yang et al., 2023): a map decomposed into orthogonal features, and what each is worth.

Paper: "Decom-CAM: Tell me what you see, in details! Feature-level interpretation via decomposition
class activation map", arXiv 2306.04644, equations 2 to 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from camruntime._checks import within
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs, Occlusion, softmax
from camruntime.maps import Components, FloatArray, Maps, bicubic, bilinear, rescale
from camruntime.methods._decomposition import Decomposition, by_class_map, by_largest_cell
from camruntime.methods._gradients import gradients_by_target
from camruntime.methods._registry import RELATIVE, register
from camruntime.pictures import gaussian_blur

_CHANNELS = 500
_NEGLIGIBLE = 0.001  # contributions below it weigh nothing in the published code


@register("decom-cam")
@dataclass(frozen=True, kw_only=True)
class DecomCAM:
    """Decom-CAM: `sum_i softmax(C)_i H_i` over the `components` strongest features.

    `S = g * A`, `g` being `d y_c / d A`, is decomposed as `S = U Sigma V^T` (channels by cells).
    Feature map `F_i = Sigma_i V_i^T`; local map `H_i`, upsampled and rescaled to [0, 1]; the image
    is occluded as `max(x * H_i, B(x) * (1 - H_i))`, `B` a Gaussian blur, both in [0, 1]; its
    contribution is `C_i = y_c(occluded) - y_c(B(x))`. The singular value decomposition leaves every
    sign open: here `F_i` points the way of the class map `sum_k S_k` (see `_decomposition`).

    Attributes:
        preset: whose Decom-CAM.
            `paper`: as above.
            `official`: the authors' code. The 500 channels with the largest mean gradient, each
            times it; principal components over cells, centred by channel; clipped at 0; bicubic;
            occlusion on the normalised image; weight `y_i / max y` where `y_i` is above 0.001,
            without baseline, on maps not rescaled. A component's largest entry is positive: the
            sign rule of scikit-learn before 1.5, which the authors' code calls. From 1.5 on it
            turns components by another rule, and the same code's maps correlate with these by 0.95
            to 0.98.
        components: features at most; fewer where the decomposition has fewer.
        sigma: of the blur, in pixels of the network's input.
    """

    preset: Literal["paper", "official"] = "paper"
    components: int = 10
    sigma: float = 10.0

    needs: ClassVar[frozenset[str]] = frozenset({"gradient", "occlude_images"})
    unit: ClassVar[str] = RELATIVE

    def __post_init__(self) -> None:
        within(
            "decom-cam",
            MethodError,
            ("components", self.components, 1, 10_000),
            ("sigma", self.sigma, 0.1, 1000),
        )

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, H, W)` at the image's size, >= 0, with their components.

        Beside the plain pass, `components + 1` for each target, and one batched gradient.
        """
        gradients = gradients_by_target(graphs, forward, targets)
        if self.preset == "paper":
            one, occlusion = _paper, _occlusion_of_pixels(forward, self.sigma)
        else:
            one, occlusion = _official, _occlusion_of_image(forward, self.sigma)
        made = [
            one(self, graphs, forward, occlusion, gradient, target)
            for gradient, target in zip(gradients, targets, strict=True)
        ]
        return Maps(np.stack([raw for raw, _ in made]), tuple(parts for _, parts in made))


def _occlusion_of_pixels(forward: Forward, sigma: float) -> Occlusion:
    pixels = forward.normalisation.pixels(forward.image)
    mean, std = forward.normalisation.columns()
    # Normalising afterwards is dividing by std before, as it keeps the order, and subtracting then.
    return Occlusion(pixels / std, gaussian_blur(pixels, sigma) / std, mean / std)


def _occlusion_of_image(forward: Forward, sigma: float) -> Occlusion:
    zero = np.zeros((1, forward.image.shape[1], 1, 1), np.float32)
    return Occlusion(forward.image, gaussian_blur(forward.image, sigma), zero)


def _paper(
    options: DecomCAM,
    graphs: Graphs,
    forward: Forward,
    occlusion: Occlusion,
    gradient: FloatArray,
    target: int,
) -> tuple[FloatArray, Components]:
    product = gradient * forward.activations[0]
    found = by_class_map(product, options.components)
    upsampling = bilinear(*_sizes(forward))
    masks = rescale(found.maps, *upsampling.extremes(found.maps)).maps
    blank = np.zeros((1, *masks.shape[1:]), np.float32)  # shows the blurred image alone
    logits = graphs.logits_of_occluded_images(occlusion, np.concatenate([masks, blank]), upsampling)
    scores = forward.scores(logits)[:, target]
    contributions = scores[:-1] - scores[-1]
    weights = softmax(contributions) if len(masks) else contributions
    return _fused(upsampling(masks), weights, found, contributions, forward)


def _official(
    options: DecomCAM,
    graphs: Graphs,
    forward: Forward,
    occlusion: Occlusion,
    gradient: FloatArray,
    target: int,
) -> tuple[FloatArray, Components]:
    alpha = gradient.mean((1, 2))
    best = np.argsort(-alpha, kind="stable")[:_CHANNELS]
    found = by_largest_cell(
        (forward.activations[0] * alpha[:, None, None])[best], options.components
    )
    clipped = np.maximum(found.maps, 0)
    upsampling = bicubic(*_sizes(forward))
    maps = upsampling(clipped)
    masks = rescale(clipped, maps.min((1, 2)), maps.max((1, 2))).maps
    if not len(masks):
        return _fused(maps, alpha[:0], found, alpha[:0], forward)
    logits = graphs.logits_of_occluded_images(occlusion, masks, upsampling)
    scores = forward.scores(logits)[:, target]
    weights = np.where(scores >= _NEGLIGIBLE, scores / max(scores.max(), _NEGLIGIBLE), 0)
    raw, parts = _fused(maps, weights.astype(np.float32), found, scores, forward)
    return np.maximum(raw, 0), parts


def _fused(
    maps: FloatArray,
    weights: FloatArray,
    found: Decomposition,
    contributions: FloatArray,
    forward: Forward,
) -> tuple[FloatArray, Components]:
    size = forward.image.shape[2:]
    raw = np.tensordot(weights, maps, axes=1) if len(maps) else np.zeros(size)
    parts = Components(
        maps=rescale(maps).maps if len(maps) else np.zeros((0, *size), np.float32),
        singular_values=found.singular_values,
        explained_variance=found.explained_variance,
        contributions=contributions,
        weights=weights,
    )
    return raw.astype(np.float32), parts


def _sizes(forward: Forward) -> tuple[tuple[int, int], tuple[int, int]]:
    """`(h, w)` of the target layer and `(H, W)` of the image."""
    *_, height, width = forward.activations.shape
    return (height, width), (forward.image.shape[2], forward.image.shape[3])
