"""SmoothGrad's averaging (Smilkov et al., 2017) around any method: the mean map of noisy images.

Paper: "SmoothGrad: removing noise by adding noise", arXiv 1706.03825. There it is of gradients of
pixels; averaging another method's maps is how Smooth Grad-CAM++ reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from camruntime._checks import within
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps
from camruntime.methods._around import Around, explain_each
from camruntime.methods._noise import normal_noise
from camruntime.methods._registry import register_helper


@register_helper("smooth")
@dataclass(frozen=True, kw_only=True)
class Smooth(Around):
    """The mean of a method's raw maps of `x + N(0, (noise (max x - min x))^2)`.

    `x` is the normalised image. Maps are averaged as they are, in the method's unit.

    Attributes:
        samples: noisy images; each costs a plain pass and what the method asks. The paper's 50.
        noise: its standard deviation as a part of the image's range; the paper has 0.1 to 0.2.
        seed: of the noise, `numpy.random.default_rng(seed)`, drawn for one image after the other
            as `normal_noise` does.
    """

    samples: int = 50
    noise: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        within(
            "smooth",
            MethodError,
            ("samples", self.samples, 1, 1000),
            ("noise", self.noise, 0, 10),
            ("seed", self.seed, 0, 2**63 - 1),
        )

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, h, w)`, as the method's."""
        total, edges = np.zeros(()), None
        noisy = ((image, targets) for image in self._noisy(forward.image))
        for _, maps in explain_each(self.method, graphs, noisy, 0, self.samples):
            total = total + maps.raw
            edges = maps.edges
        return Maps(np.asarray(total / self.samples, np.float32), edges=edges)

    def _noisy(self, image: FloatArray) -> Iterator[FloatArray]:
        draw = np.random.default_rng(self.seed)
        sigma = self.noise * float(np.ptp(image))
        for _ in range(self.samples):
            yield image + normal_noise(draw, image.shape, sigma)
