"""What a saliency method returns."""

from __future__ import annotations

from dataclasses import dataclass

from camruntime.maps.rescale import FloatArray


@dataclass(frozen=True, eq=False)
class Components:
    """The features that one map was put together from, strongest first.

    Attributes:
        maps: float32 `(p, H, W)` in [0, 1], one local saliency map for each feature.
        singular_values: float32 `(p,)`, descending.
        explained_variance: float32 `(p,)`, shares in [0, 1] of the whole, of which
            the features that were left out are a part.
        contributions: float32 `(p,)`, what each feature alone does for the target, in logits.
        weights: float32 `(p,)`, of each feature's map in the fused one.
    """

    maps: FloatArray
    singular_values: FloatArray
    explained_variance: FloatArray
    contributions: FloatArray
    weights: FloatArray

    def figures(self) -> dict[str, list[float]]:
        """Everything but the maps, ready for JSON."""
        return {
            "singular_values": self.singular_values.tolist(),
            "explained_variance": self.explained_variance.tolist(),
            "contributions": self.contributions.tolist(),
            "weights": self.weights.tolist(),
        }


@dataclass(frozen=True)
class Approximation:
    """How near a map is to the one that all forward passes would give.

    Attributes:
        evaluated: forward passes that were spent on channels.
        channels: how many the exact map takes.
        correlation_estimate: of Pearson's correlation with the exact map, without a promise: the
            truth is mostly above it, and sometimes below.
        correlation_bound: what the correlation is at least, as long as the assumption holds that
            the method states; -1 where nothing is known.
        correlation_certified: what it is at least with 95 percent confidence, on average over maps
            and a random sample's draws and not for each map; -1 where nothing can be certified,
            None where no certificate was asked for.
    """

    evaluated: int
    channels: int
    correlation_estimate: float
    correlation_bound: float
    correlation_certified: float | None = None


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps of one image for several targets.

    Attributes:
        raw: float32 `(targets, h, w)`, in the method's own unit. `h`, `w` are the target layer's,
            unless the method defines its map at the image's size.
        components: for each target, of methods that decompose.
        edges: what drew the edges, of methods that use them.
        approximations: for each target, of methods that may stop early.
    """

    raw: FloatArray
    components: tuple[Components, ...] = ()
    edges: str | None = None
    approximations: tuple[Approximation, ...] = ()
