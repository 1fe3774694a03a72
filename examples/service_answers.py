"""What the service answers, as its OpenAPI has it."""

from __future__ import annotations

from pydantic import BaseModel

from camruntime import Explanation
from camruntime.choice import Choice
from camruntime.methods import spec_of
from camruntime.regions import Region
from camruntime.verdict import ClassScore, Milliseconds, Provenance, Verdict


class Prediction(BaseModel):
    """What the network says; `top` holds the most probable classes."""

    predicted: ClassScore
    present: list[ClassScore]
    top: list[ClassScore]
    waited_ms: float
    milliseconds: Milliseconds
    provenance: Provenance


class Evidence(BaseModel):
    """What the map shows beyond what good parts show; a score of 1 is the threshold."""

    found: bool
    score: float
    p_value: float
    alpha: float


class Place(BaseModel):
    """A connected region, in the picture's pixels; its outlines run along pixels' outer edges."""

    rank: int
    x: int
    y: int
    width: int
    height: int
    length: float
    breadth: float
    area: int
    strongest: float
    mean: float
    p_value: float | None
    polygon: list[tuple[int, int]]
    holes: list[list[tuple[int, int]]]


class Explained(BaseModel):
    """Why the network says so.

    Without a calibration there is no evidence, and regions are relative, without a p-value: above
    half of this map's own maximum, as a good part has them, too. The budget of `choice` is what
    waiting had left.
    """

    method: str
    target: ClassScore
    against: ClassScore | None
    predicted: ClassScore
    present: list[ClassScore]
    no_evidence: bool
    evidence: Evidence | None
    regions: list[Place]
    choice: Choice
    waited_ms: float
    milliseconds: Milliseconds
    provenance: Provenance


def prediction(verdict: Verdict, top: int, waited: float) -> Prediction:
    """A verdict with so many of its most probable classes, the first of equals first."""
    order = (-verdict.probabilities).argsort(kind="stable")[:top]
    return Prediction(
        predicted=verdict.predicted,
        present=list(verdict.present),
        top=[verdict.of(int(one)) for one in order],
        waited_ms=1e3 * waited,
        milliseconds=verdict.milliseconds,
        provenance=verdict.provenance,
    )


def explained(found: Explanation, waited: float) -> Explained:
    """An explanation without its pictures."""
    assert found.choice is not None  # every one is within a budget
    return Explained(
        method=spec_of(found.method),
        target=found.target,
        against=found.against,
        predicted=found.predicted,
        present=list(found.present),
        no_evidence=found.no_evidence,
        evidence=_evidence(found),
        regions=[_place(one) for one in found.shown_regions],
        choice=found.choice,
        waited_ms=1e3 * waited,
        milliseconds=found.milliseconds,
        provenance=found.provenance,
    )


def _evidence(found: Explanation) -> Evidence | None:
    one = found.evidence
    if one is None:
        return None
    return Evidence(found=one.has_evidence, score=one.score, p_value=one.p_value, alpha=one.alpha)


def _place(region: Region) -> Place:
    holes = [one.tolist() for one in region.holes]
    outlines = {"polygon": region.polygon.tolist(), "holes": holes}
    return Place.model_validate(region.figures() | outlines)
