"""What is told of a prediction: the verdict, and its explanations."""

from __future__ import annotations

import numpy as np

from camruntime.calibration import Evidence
from camruntime.explaining.prediction import Prediction
from camruntime.explanation import Explanation
from camruntime.graphs import sigmoid
from camruntime.maps import FloatArray, Maps, has_saliency
from camruntime.methods import Method, spec_of, unit_of
from camruntime.pictures import fit
from camruntime.verdict import ClassScore, Milliseconds, Provenance, Verdict


def verdict_of(prediction: Prediction, seconds: float = 0.0) -> Verdict:
    """What the network says, of an answer that is numbers; `seconds` are a method's."""
    engine, forward = prediction.graphs.engine, prediction.forward
    manifest = engine.bundle.manifest
    return Verdict(
        top=int(forward.logits.argmax()),
        there=tuple(forward.present()),
        probabilities=forward.probabilities(),
        scores=forward.scores(),
        labels=manifest.labels,
        provenance=Provenance.of(manifest, engine.provider),
        milliseconds=Milliseconds(
            read=1e3 * prediction.photograph.seconds,
            network=1e3 * prediction.cost.seconds,
            method=1e3 * seconds,
        ),
    )


def explanation_of(
    prediction: Prediction, method: Method, maps: Maps, row: int, verdict: Verdict
) -> Explanation:
    """Why the network says so of the target `row`."""
    manifest = prediction.graphs.engine.bundle.manifest
    photo = prediction.photograph.picture
    target, against = _target(prediction, row, verdict)
    return Explanation(
        photo=photo,
        raw=maps.raw[row],
        target=target,
        against=against,
        predicted=verdict.predicted,
        present=verdict.present,
        method=method,
        no_evidence=not has_saliency(maps.raw[row], manifest.input.size),
        provenance=verdict.provenance,
        milliseconds=verdict.milliseconds,
        fit=fit(photo.shape[:2], manifest.input),
        mean=manifest.input.drawn_mean(),
        components=maps.components[row] if maps.components else None,
        edges=maps.edges,
        approximation=maps.approximations[row] if maps.approximations else None,
        evidence=_evidence(prediction, method, maps.raw[row], row),
    )


def _target(
    prediction: Prediction, row: int, verdict: Verdict
) -> tuple[ClassScore, ClassScore | None]:
    """What is explained, and what a contrast is held against."""
    target = verdict.of(prediction.targets[row])
    contrast = prediction.photograph.wanted.contrast(row)
    if contrast is None:
        return target, None
    against = verdict.of(contrast.against)
    two = len(contrast.classes) == 1
    label = f"{target.label} rather than {against.label}" if two else f"not {against.label}"
    score = prediction.score(row)
    probability = float(sigmoid(np.array(score, np.float32)))
    return ClassScore(target.index, label, probability, score), against


def _evidence(prediction: Prediction, method: Method, raw: FloatArray, row: int) -> Evidence | None:
    """What the map shows beyond good parts'; None without a calibration, and of baselines."""
    photograph = prediction.photograph
    if photograph.calibration is None or unit_of(method) is None:
        return None
    top = not photograph.wanted.choices[row]
    yardstick = photograph.calibration.yardstick(spec_of(method), prediction.by_index(row), top)
    size = photograph.engine.bundle.manifest.input.size
    return yardstick.evidence(raw, prediction.score(row), size)
