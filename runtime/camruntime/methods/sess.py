"""SESS (Tursun et al., 2022) around any method: maps of windows on the enlarged image, joined.

Paper: "SESS: Saliency enhancing with scaling and sliding", ECCV 2022, arXiv 2207.01769; where it
leaves open how, as the authors' code does it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import within
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import ROUNDING, FloatArray, Maps
from camruntime.methods._around import Around, Explained, explain_each, explain_one
from camruntime.methods._registry import RELATIVE, register_helper
from camruntime.methods._windows import Cut, laid, windows
from camruntime.pictures import gaussian_blur_within

_SIGMA = 5 / 224  # of the last blur, as a part of the shorter side


@register_helper("sess")
@dataclass(frozen=True, kw_only=True)
class Sess(Around):
    """The mean, pixel by pixel, of `s(M_i) p_i / max p` over the windows i in which it is above 0.

    The image is enlarged to `1 + i 64/224` times its size, i = 0 to `scales` - 1, and cut into
    windows as large as the network's input, side by side, the last moved inward; "above 0" is by
    more than float32's rounding, which would else decide by how many is divided. `M_i` is the
    method's map of window i, `s` rescaling to [0, 1], `p_i` the target's probability there. It is
    laid where the window was, shrunk with the enlarged image, and the whole blurred (11 x 11 pixels
    of 224, sigma 5). The authors' windows have 224 pixels; other inputs are treated in proportion.
    What is enlarged is the network's input, not the photograph, which may show more.

    Attributes:
        scales: sizes; 12 are 122 windows, each of which costs a plain pass and what the method
            asks. The first is the photograph, whose pass is there already.
        drop: the share of windows with the least probability that are left out, in [0, 1); they
            cost a plain pass, and the others one more.
        pool: `mean`, as above, or the `max` over all windows.
    """

    scales: int = 12
    drop: float = 0.0
    pool: Literal["mean", "max"] = "mean"

    def __post_init__(self) -> None:
        super().__post_init__()
        within("sess", MethodError, ("scales", self.scales, 1, 64), ("drop", self.drop, 0, 0.999))

    @property
    def unit(self) -> str:
        """Every window's map is rescaled."""
        return RELATIVE

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        """Raw maps `(targets, H, W)` at the image's size, in [0, 1]."""
        size = forward.image.shape[2], forward.image.shape[3]
        cut = Cut(forward.image, windows(size, self.scales))
        kept = self._kept(graphs, forward, targets, cut)
        fused = _Fused((len(targets), *size), self.pool)
        for row, one in self._explained(graphs, forward, targets, cut, kept):
            shares = one.forward.probabilities_of(targets, one.forward.logits)
            for at, raw in zip(np.flatnonzero(kept[row]), one.maps.raw, strict=True):
                fused.add(int(at), float(shares[at]), laid(raw, cut.windows[row], size))
        return Maps(fused.maps())

    def _kept(
        self, graphs: Graphs, forward: Forward, targets: Sequence[int], cut: Cut
    ) -> NDArray[np.bool_]:
        """Which windows count for which target, `(windows, targets)`."""
        count = len(cut.windows)
        kept = np.ones((count, len(targets)), bool)
        if self.drop > 0:
            logits = graphs.logits_of_made_images(count, cut)
            order = np.argsort(forward.probabilities_of(targets, logits), axis=0, kind="stable")
            np.put_along_axis(kept, order[: int(count * self.drop)], values=False, axis=0)
        return kept

    def _explained(
        self,
        graphs: Graphs,
        forward: Forward,
        targets: Sequence[int],
        cut: Cut,
        kept: NDArray[np.bool_],
    ) -> Iterator[tuple[int, Explained]]:
        """Each window that counts for a target, by its row."""
        wanted = [[targets[at] for at in np.flatnonzero(row).tolist()] for row in kept]
        rows = [row for row, those in enumerate(wanted) if those]
        own = rows[:1] == [0]  # the photograph
        if own:
            maps = explain_one(self.method, graphs, forward, wanted[0], len(rows))
            yield 0, Explained(forward, maps)
        others = rows[own:]
        made = ((cut(np.array([row])), wanted[row]) for row in others)
        explained = explain_each(self.method, graphs, made, int(own), len(rows))
        yield from zip(others, explained, strict=True)


class _Fused:
    """Maps of windows, put together as they come."""

    def __init__(self, shape: tuple[int, int, int], pool: Literal["mean", "max"]) -> None:
        self._pool = pool
        self._sum = np.zeros(shape)
        self._count = np.zeros(shape, np.int64)
        self._most = np.zeros(shape[0])

    def add(self, target: int, probability: float, one: FloatArray) -> None:
        weighted = max(probability, 0.0) * one
        self._most[target] = max(self._most[target], probability)
        if self._pool == "max":
            np.maximum(self._sum[target], weighted, out=self._sum[target])
        else:
            self._sum[target] += weighted
            self._count[target] += one > ROUNDING  # 0 but for rounding is not above it

    def maps(self) -> FloatArray:
        most = np.where(self._most > 0, self._most, 1)[:, None, None]
        fused = (self._sum / np.maximum(self._count, 1) / most).astype(np.float32)
        sigma = _SIGMA * min(fused.shape[1:])
        side = 2 * max(1, round(sigma)) + 1
        blurred = [gaussian_blur_within(one[None, None], side, sigma)[0, 0] for one in fused]
        return np.stack(blurred)
