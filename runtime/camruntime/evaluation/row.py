"""One explanation of one sample, measured."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camruntime.datasets._sample import Sample
from camruntime.evaluation.counting import CountingGraphs
from camruntime.explainer import Explainer
from camruntime.fitting import fit, prepare
from camruntime.graphs import Forward
from camruntime.methods import Method, spec_of
from camruntime.metrics import Case, Metric, metric_spec
from camruntime.picture import Picture, read_picture
from camruntime.saliency import saliency


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the results.

    Attributes:
        sample, category: see `Sample`.
        method: its spec.
        target, predicted: indices of the class that is explained, and of the network's top class.
        right: whether the network's top class is one of the sample's; None where it has none.
        probability: the target's, on the picture itself.
        no_evidence: the map shows nothing.
        values: by metric's spec; None where it has no meaning.
        curves: of the metrics that have one.
        passes, seconds: what the explanation cost, with the plain pass.
    """

    sample: str
    category: str
    method: str
    target: int
    predicted: int
    right: bool | None
    probability: float
    no_evidence: bool
    values: dict[str, float | None]
    curves: dict[str, tuple[float, ...]]
    passes: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Look:
    """A sample's picture after one plain pass.

    Attributes:
        photo: uint8 RGB.
        forward: the pass.
        target: index of the class to explain.
        rank: how many classes have a higher logit.
        seconds: that the pass took.
    """

    sample: Sample
    photo: Picture
    forward: Forward
    target: int
    rank: int
    seconds: float


def look(explainer: Explainer, sample: Sample) -> Look:
    """Read a sample's picture and run the network once.

    Raises:
        ImageError: the picture cannot be read.
        NonFiniteError: the network's answer is no number.
    """
    photo = read_picture(sample.image)
    image = prepare(photo, explainer.bundle.manifest.input)
    start = time.perf_counter()
    forward = explainer.graphs().forward(image)
    seconds = time.perf_counter() - start
    logits = forward.logits
    target = max(sample.classes, key=lambda one: logits[one]) if sample.classes else logits.argmax()
    rank = int((logits > logits[target]).sum())
    return Look(sample, photo, forward, int(target), rank, seconds)


def explain_and_measure(
    explainer: Explainer, seen: Look, method: Method, metrics: Sequence[Metric]
) -> Row:
    """One method on one sample.

    Raises:
        CamError: the method cannot explain this network.
    """
    graphs = CountingGraphs(explainer.graphs(), passes=1)
    start = time.perf_counter()
    maps = method(graphs, seen.forward, [seen.target])
    seconds = seen.seconds + time.perf_counter() - start
    passes = graphs.passes
    spec = explainer.bundle.manifest.input
    shown, evidence = saliency(maps.raw[0], spec.size)
    size = (seen.photo.shape[0], seen.photo.shape[1])
    locate = seen.sample.locate
    case = Case(
        graphs=explainer.graphs(),
        forward=seen.forward,
        method=method,
        target=seen.target,
        saliency=shown,
        photo_saliency=fit(size, spec).to_photo(shown),
        regions=locate(size) if locate else None,
    )
    measured = {metric_spec(metric): case.measure(metric) for metric in metrics}
    predicted = int(seen.forward.logits.argmax())
    return Row(
        sample=seen.sample.name,
        category=seen.sample.category,
        method=spec_of(method),
        target=seen.target,
        predicted=predicted,
        right=predicted in seen.sample.classes if seen.sample.classes else None,
        probability=case.probability,
        no_evidence=not evidence,
        values={name: found.value for name, found in measured.items()},
        curves={name: found.curve for name, found in measured.items() if found.curve},
        passes=passes,
        seconds=seconds,
    )


def by_method(rows: Sequence[Row]) -> Mapping[str, dict[str, Row]]:
    """For each method, its rows by sample."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.method, {})[row.sample] = row
    return found
