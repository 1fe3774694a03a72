"""The one road from a photograph to its explanation: read, pass forward, run a method, draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np

from camruntime.engine import BatchGraphs, OnnxGraphs, Progress, metered
from camruntime.errors import CamError
from camruntime.explaining.contrasting import Asked, gradient_classes, with_contrasts
from camruntime.explaining.own_errors import kept
from camruntime.explaining.photographs import Photograph
from camruntime.explaining.prediction import Outcome, Prediction
from camruntime.explaining.results import explanation_of, verdict_of
from camruntime.explaining.targets import Wanted
from camruntime.explanation import Explanation
from camruntime.maps import FloatArray, Maps
from camruntime.methods import Method, preferred, run_method

Answer = Explanation | list[Explanation]
"""A list where a list of classes was asked for."""


def predict_batch(
    graphs: OnnxGraphs, batch: Sequence[Photograph], methods: Sequence[Method]
) -> Iterator[Prediction]:
    """Pass a batch forward at once, with what `methods` prefer; predictions in order.

    Each by the network that it was made ready for, which another one may have followed meanwhile.
    The network's answer may be no number: `explain_prediction` refuses it.
    """
    for engine, those in groupby(batch, key=lambda one: one.engine):
        own = graphs if engine is graphs.engine else replace(graphs, engine=engine)
        yield from _predict(own, list(those), methods)


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
    verdict = verdict_of(prediction, meter.cost.seconds)
    explanations = tuple(
        explanation_of(prediction, method, maps, row, verdict)
        for row in range(len(prediction.targets))
    )
    return Outcome(prediction, method, maps, explanations, prediction.cost + meter.cost)


def maps_of(prediction: Prediction, method: Method, progress: Progress | None = None) -> Maps:
    """A method's own maps of the prediction's targets.

    Raises:
        NonFiniteError, MethodError: as `explain_prediction`.
    """
    graphs = (
        prediction.graphs if progress is None else replace(prediction.graphs, progress=progress)
    )
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
        yield answers_of(prediction, methods, graphs.progress)


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
        return answers_of(one, methods, graphs.progress)

    yield from map(kept(answers), predict_batch_or_say(graphs, batch, methods))


def answers_of(
    prediction: Prediction, methods: Sequence[Method], progress: Progress | None
) -> list[Answer]:
    """What each method says of a prediction; `progress` is told how far all of them are.

    Raises:
        NonFiniteError, MethodError, Cancelled: as `explain_batch`.
    """
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


def asked_of(wanted: Wanted) -> list[Asked]:
    """What is explained of a photograph, before its top class is known: 0 stands for that."""
    return [
        wanted.contrast(row) or (choice[0] if choice else 0)
        for row, choice in enumerate(wanted.choices)
    ]


def _explained(wanted: Wanted, targets: Sequence[int]) -> list[Asked]:
    """For each target its contrast, or the class itself."""
    return [wanted.contrast(row) or target for row, target in enumerate(targets)]
