"""How far ONNX Runtime may be from PyTorch: every tolerance of a build, with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from camruntime.bundle import Parity

HOPELESS = 1e-2
"""Where PyTorch's float32 is itself this far from float64, nothing can be compared."""


@dataclass(frozen=True)
class Tolerance:
    """A relative difference that is allowed, and more where rounding alone makes more.

    Attributes:
        usual: allowed of every network.
        roundings: how often the difference may be as large as PyTorch's own float32 is off, at the
            worst of the batch sizes that are compared.
    """

    usual: float
    roundings: int

    def limit(self, float32: float | None) -> float:
        """What is allowed where PyTorch's float32 is so far from float64; None is not known."""
        return max(self.usual, min(self.roundings * (float32 or 0.0), HOPELESS))

    def tells(self, float32: float | None) -> bool:
        """Whether a difference above the limit says something about the graph, not the network."""
        return self.roundings * (float32 or 0.0) < HOPELESS


FORWARD = Tolerance(1e-4, roundings=4)
"""Of head, tail and cells, over the largest value. Float32 sums in another order are 1e-5 apart in
the median of the networks in `docs/backbones.md`. Where a network multiplies rounding errors both
sides err, and one of them by chance a few times more."""

GRADIENT = Tolerance(1e-6, roundings=2)
"""Of gradients, over their norm, which averages rounding out: all but one of the networks in
`docs/backbones.md` stay below 7e-7. Twice, as two orders of summation differ by as much."""


def tolerance_of(parity: Parity) -> Tolerance:
    """Of a measured part of a bundle."""
    return GRADIENT if parity.of_gradient else FORWARD


FILE = {"float32": 1e-4, "float64": 1e-4, "float16": 2e-2}
"""Of an ONNX file's logits from those of the network that it was read as, over the largest, by what
the file computes in. Both are float32, in other orders, as with `FORWARD`; a file in float64 is
compared as float32, too, as ONNX Runtime has few operators in float64. Rounded to float16 behind
every operator, logits of deep networks are a hundredth off."""

EDGE_MAP = 1e-4
"""Of an edge model's probabilities, absolute, as they lie in [0, 1] for every picture."""
