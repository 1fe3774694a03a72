"""What a network says of a photograph, before anybody asks why."""

from __future__ import annotations

from dataclasses import dataclass

from camruntime.bundle import Manifest
from camruntime.maps import FloatArray


@dataclass(frozen=True)
class ClassScore:
    """One class of one answer.

    Attributes:
        index, label: of the class.
        probability: by `Manifest.answer`.
        score: what is explained of it: its logit, or the difference of logits of a contrast.
    """

    index: int
    label: str
    probability: float
    score: float


@dataclass(frozen=True)
class Provenance:
    """What computed an explanation.

    Attributes:
        model, layer: the network and its target layer.
        weights: SHA-256 of its weights, and the precision where it is not float32.
        provider: in ONNX Runtime's words.
        bundle: `Manifest.digest`, over all of the bundle.
    """

    model: str
    layer: str
    weights: str
    provider: str
    bundle: str

    @classmethod
    def of(cls, manifest: Manifest, provider: str) -> Provenance:
        """Of a network that this provider runs."""
        return cls(
            manifest.model, manifest.layer_names, manifest.fingerprint, provider, manifest.digest
        )


@dataclass(frozen=True)
class Milliseconds:
    """How long the stages of an explanation took, by the clock.

    Attributes:
        read: taking, reading and preparing the photograph, in whatever thread.
        network: its share of its batch's plain pass.
        method: all targets' maps together.
    """

    read: float
    network: float
    method: float


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a network says of a photograph.

    Attributes:
        top: index of the top class.
        there: indices of the classes that the network says are there, as of `Explanation.present`.
        probabilities: float32 `(classes,)`, by `Manifest.answer`.
        scores: float32 `(classes,)`, what is explained of each class: its logit.
        labels: of the classes.
        provenance: what computed it.
        milliseconds: how long that took; of no method.
    """

    top: int
    there: tuple[int, ...]
    probabilities: FloatArray
    scores: FloatArray
    labels: tuple[str, ...]
    provenance: Provenance
    milliseconds: Milliseconds

    @property
    def predicted(self) -> ClassScore:
        """The top class."""
        return self.of(self.top)

    @property
    def present(self) -> tuple[ClassScore, ...]:
        """The classes that are there, the strongest first; see `Explanation.present`."""
        return tuple(map(self.of, self.there))

    def of(self, index: int) -> ClassScore:
        """One of the classes."""
        return ClassScore(
            index, self.labels[index], float(self.probabilities[index]), float(self.scores[index])
        )

    def __repr__(self) -> str:
        one = self.predicted
        return f"Verdict('{one.label}' p={one.probability:.3f})"
