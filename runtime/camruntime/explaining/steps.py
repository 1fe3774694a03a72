"""The one road from a photograph to its explanation: read, pass forward, run a method, draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from time import perf_counter

import numpy as np

from camruntime.bundle import Input
from camruntime.calibration import ByIndex, Calibration, Evidence
from camruntime.engine import BatchGraphs, Cost, Engine, OnnxGraphs, Progress, metered
from camruntime.errors import CamError
from camruntime.explaining.contrasting import Versus, gradient_classes, with_contrasts
from camruntime.explaining.own_errors import kept
from camruntime.explaining.targets import Wanted
from camruntime.explanation import ClassScore, Explanation, Milliseconds, Provenance
from camruntime.graphs import Forward, sigmoid
from camruntime.maps import FloatArray, Maps, saliency
from camruntime.methods import Method, preferred, run_method, spec_of, unit_of
from camruntime.pictures import Picture, Values, as_picture, drawn, fit, prepare

Answer = Explanation | list[Explanation]
"""A list where a list of classes was asked for."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """A photograph that is ready for the network.

    Attributes:
        picture: uint8 RGB `(H, W, 3)`, what is drawn; read-only.
        image: float32 `(1, channels, H, W)`, normalised, at the size of the network's input.
        wanted: the classes to explain.
        engine: runs the network that it is ready for.
        calibration: what its maps are held against, of that network.
        seconds: what taking, reading and preparing it took.
    """

    picture: Picture
    image: FloatArray
    wanted: Wanted
    engine: Engine
    calibration: Calibration | None = None
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the network says of a photograph, before anybody asks why.

    Attributes:
        photograph: what it was shown.
        forward: the plain pass.
        targets: indices of the classes to explain.
        cost: the photograph's share of its batch's pass.
        graphs: the network, for the methods.
    """

    photograph: Photograph
    forward: Forward
    targets: tuple[int, ...]
    cost: Cost
    graphs: BatchGraphs

    def by_index(self, row: int) -> ByIndex:
        """What tells a target from others, whatever it is called."""
        contrast = self.photograph.wanted.contrast(row)
        if contrast is None:
            return (self.targets[row],), None
        return contrast.classes, contrast.against

    def score(self, row: int) -> float:
        """What is explained of a target: its logit, or the difference of logits of a contrast.

        Raises:
            NonFiniteError: the network's answer to the photograph is no number.
        """
        self.graphs.finite(self.forward)
        contrast = self.photograph.wanted.contrast(row)
        if contrast is None:
            return float(self.forward.scores()[self.targets[row]])
        return float(contrast.score(self.forward.logits))


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a method made of a prediction.

    Attributes:
        prediction: what was explained.
        method: the method with its options.
        maps: the method's own, for all targets.
        explanations: one for each target.
        cost: the pass and the method; neither reading the photograph nor drawing.
    """

    prediction: Prediction
    method: Method
    maps: Maps
    explanations: tuple[Explanation, ...]
    cost: Cost


@dataclass(frozen=True, eq=False)
class Taken:
    """What is needed of the caller's: an array is copied, as the caller may change it next.

    Attributes:
        image: a path, to be read in a thread, or what `as_picture` returns.
        wanted: the classes to explain.
        engine: runs the network that looks at it.
        calibration: of that network.
        seconds: what copying it took.
    """

    image: str | Path | Values
    wanted: Wanted
    engine: Engine
    calibration: Calibration | None = None
    seconds: float = 0.0

    @property
    def spec(self) -> Input:
        """What that network takes."""
        return self.engine.bundle.manifest.input


def take_image(
    image: object,
    wanted: Wanted,
    engine: Engine,
    calibration: Calibration | None,
    megapixels: float,
) -> Taken:
    """Take an image as `Explainer.explain` does.

    Raises:
        ImageError: it is an array, and not what the network takes.
    """
    if isinstance(image, (str, Path)):
        return Taken(image, wanted, engine, calibration)
    begin = perf_counter()
    picture = as_picture(image, engine.bundle.manifest.input, megapixels)
    return Taken(picture, wanted, engine, calibration, perf_counter() - begin)


def open_image(taken: Taken, megapixels: float) -> Photograph:
    """Read and prepare a photograph.

    Raises:
        ImageError: it cannot be read, or is not what the network takes.
    """
    begin, image, spec = perf_counter(), taken.image, taken.spec
    picture = image if isinstance(image, np.ndarray) else as_picture(image, spec, megapixels)
    shown = drawn(picture, spec)
    shown.flags.writeable = False  # every explanation of the picture holds it
    return Photograph(
        picture=shown,
        image=prepare(picture, spec),
        wanted=taken.wanted,
        engine=taken.engine,
        calibration=taken.calibration,
        seconds=taken.seconds + perf_counter() - begin,
    )


def predict_batch(
    graphs: OnnxGraphs, batch: Sequence[Photograph], methods: Sequence[Method]
) -> Iterator[Prediction]:
    """Pass a batch forward at once, with what `methods` prefer; predictions in order.

    Each by the network that it was made ready for, which another one may have followed meanwhile.
    The network's answer may be no number: `explain_prediction` refuses it.
    """
    for engine, those in groupby(batch, key=lambda one: one.engine):
        yield from _predict(replace(graphs, engine=engine), list(those), methods)


def _predict(
    graphs: OnnxGraphs, batch: Sequence[Photograph], methods: Sequence[Method]
) -> Iterator[Prediction]:
    look = graphs.forwards_with_cells if "cells" in preferred(methods) else graphs.forwards
    with metered() as meter:
        forwards = look(_together([one.image for one in batch]))
    targets = [one.wanted.indices(of.logits) for one, of in zip(batch, forwards, strict=True)]
    gradients = [
        gradient_classes(_explained(one.wanted, indices), of.logits)
        for one, indices, of in zip(batch, targets, forwards, strict=True)
    ]
    shared = BatchGraphs(
        graphs.engine, graphs.chunk, cancel=graphs.cancel, passes=forwards, targets=gradients
    )
    cost = meter.cost.share(1, len(batch))
    for photograph, forward, indices in zip(batch, forwards, targets, strict=True):
        yield Prediction(photograph, forward, indices, cost, shared)


def _together(images: Sequence[FloatArray]) -> FloatArray:
    """Images of a batch as one array; a single one as it is, as copying it takes its time."""
    return images[0] if len(images) == 1 else np.concatenate(images)


def explain_prediction(
    prediction: Prediction, method: Method, progress: Progress | None = None
) -> Outcome:
    """Why the network says so of the prediction's targets, of which there is at least one.

    Raises:
        NonFiniteError: the network's answer to the photograph is no number.
        MethodError: the method cannot explain this network.
    """
    with metered() as meter:
        maps = maps_of(prediction, method, progress)
    explanations = tuple(
        _explanation(prediction, method, maps, row, meter.cost.seconds)
        for row in range(len(prediction.targets))
    )
    return Outcome(prediction, method, maps, explanations, prediction.cost + meter.cost)


def maps_of(prediction: Prediction, method: Method, progress: Progress | None = None) -> Maps:
    """A method's own maps of the prediction's targets.

    Raises:
        NonFiniteError, MethodError: as `explain_prediction`.
    """
    graphs = replace(prediction.graphs, progress=progress)
    graphs.finite(prediction.forward)
    asked = _explained(prediction.photograph.wanted, prediction.targets)
    return run_method(method, *with_contrasts(graphs, prediction.forward, asked))


def explain_batch(
    graphs: OnnxGraphs, batch: Sequence[Photograph], methods: Sequence[Method]
) -> Iterator[list[Answer]]:
    """The answers of all methods, for one photograph of the batch after the other.

    Progress is told by photograph: as (done, all) of what all methods do with it.

    Raises:
        NonFiniteError: the network's answer to this photograph is no number.
        MethodError: the method cannot explain this network.
        Cancelled: it is no longer wanted.
    """
    for prediction in predict_batch(graphs, batch, methods):
        yield _answers(prediction, methods, graphs.progress)


def predict_batch_or_say(
    graphs: OnnxGraphs, batch: Sequence[Photograph | CamError], methods: Sequence[Method]
) -> Iterator[Prediction | CamError]:
    """Predictions in order, with a photograph's own error in the place of its prediction."""
    predictions = predict_batch(
        graphs, [one for one in batch if isinstance(one, Photograph)], methods
    )
    for one in batch:
        yield next(predictions) if isinstance(one, Photograph) else one


def explain_batch_or_say(
    graphs: OnnxGraphs, batch: Sequence[Photograph | CamError], methods: Sequence[Method]
) -> Iterator[list[Answer] | CamError]:
    """The same, with a photograph's own error in the place of its answers."""

    def answers(one: Prediction) -> list[Answer]:
        return _answers(one, methods, graphs.progress)

    yield from map(kept(answers), predict_batch_or_say(graphs, batch, methods))


def _answers(
    prediction: Prediction, methods: Sequence[Method], progress: Progress | None
) -> list[Answer]:
    answers: list[Answer] = []
    for index, method in enumerate(methods):
        made: list[Explanation] = []
        if prediction.targets:
            told = _part(progress, index, len(methods))
            made.extend(explain_prediction(prediction, method, told).explanations)
        answers.append(made if prediction.photograph.wanted.several else made[0])
    return answers


def _part(progress: Progress | None, index: int, count: int) -> Progress | None:
    """What tells `progress` how far all methods are while that of this index works."""
    if progress is None:
        return None
    return lambda done, every: progress(index * every + done, count * every)


def _explained(wanted: Wanted, targets: Sequence[int]) -> list[int | Versus]:
    """For each target its contrast, or the class itself."""
    return [wanted.contrast(row) or target for row, target in enumerate(targets)]


def _explanation(
    prediction: Prediction, method: Method, maps: Maps, row: int, seconds: float
) -> Explanation:
    """Of the target `row`, whose method took so many seconds."""
    engine, forward = prediction.graphs.engine, prediction.forward
    manifest, photo = engine.bundle.manifest, prediction.photograph.picture
    shown, evidence = saliency(maps.raw[row], manifest.input.size)
    probabilities, scores = forward.probabilities(), forward.scores()

    def scored(index: int) -> ClassScore:
        return ClassScore(
            index, manifest.labels[index], float(probabilities[index]), float(scores[index])
        )

    target, against = scored(prediction.targets[row]), None
    contrast = prediction.photograph.wanted.contrast(row)
    if contrast is not None:
        against = scored(contrast.against)
        two = len(contrast.classes) == 1
        label = f"{target.label} rather than {against.label}" if two else f"not {against.label}"
        score = prediction.score(row)
        probability = float(sigmoid(np.array(score, np.float32)))
        target = ClassScore(target.index, label, probability, score)

    return Explanation(
        photo=photo,
        raw=maps.raw[row],
        saliency=shown,
        target=target,
        against=against,
        predicted=scored(int(forward.logits.argmax())),
        present=tuple(map(scored, forward.present())),
        method=method,
        no_evidence=not evidence,
        provenance=Provenance(
            manifest.model, manifest.layer.name, manifest.fingerprint, engine.provider
        ),
        milliseconds=Milliseconds(
            read=1e3 * prediction.photograph.seconds,
            network=1e3 * prediction.cost.seconds,
            method=1e3 * seconds,
        ),
        fit=fit(photo.shape[:2], manifest.input),
        mean=manifest.input.drawn_mean(),
        components=maps.components[row] if maps.components else None,
        edges=maps.edges,
        approximation=maps.approximations[row] if maps.approximations else None,
        evidence=_evidence(prediction, method, maps.raw[row], row),
    )


def _evidence(prediction: Prediction, method: Method, raw: FloatArray, row: int) -> Evidence | None:
    """What the map shows beyond good parts'; None without a calibration, and of baselines."""
    photograph = prediction.photograph
    if photograph.calibration is None or unit_of(method) is None:
        return None
    top = not photograph.wanted.choices[row]
    yardstick = photograph.calibration.yardstick(spec_of(method), prediction.by_index(row), top)
    size = photograph.engine.bundle.manifest.input.size
    return yardstick.evidence(raw, prediction.score(row), size)
