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


@dataclass(frozen=True, eq=False)
class Explained:
    """A sample's explanation, and what it cost.

    Attributes:
        look: the sample.
        case: what metrics look at.
        evidence: whether the map shows anything.
        passes, seconds: with the plain pass.
    """

    look: Look
    case: Case
    evidence: bool
    passes: int
    seconds: float


def explained(explainer: Explainer, seen: Look, method: Method) -> Explained:
    """One method on one sample.

    Raises:
        CamError: the method cannot explain this network.
    """
    graphs = CountingGraphs(explainer.graphs(), passes=1)
    start = time.perf_counter()
    maps = method(graphs, seen.forward, [seen.target])
    seconds = seen.seconds + time.perf_counter() - start
    spec = explainer.bundle.manifest.input
    shown, evidence = saliency(maps.raw[0], spec.size)
    size = (seen.photo.shape[0], seen.photo.shape[1])
    case = Case(
        graphs=explainer.graphs(),
        forward=seen.forward,
        method=method,
        target=seen.target,
        saliency=shown,
        photo_saliency=fit(size, spec).to_photo(shown),
        regions=seen.sample.locate(size) if seen.sample.locate else None,
    )
    return Explained(seen, case, evidence, graphs.passes, seconds)


def measured(one: Explained, metrics: Sequence[Metric]) -> Row:
    """Everything that is kept of an explanation."""
    results = {metric_spec(metric): one.case.measure(metric) for metric in metrics}
    sample, predicted = one.look.sample, int(one.look.forward.logits.argmax())
    return Row(
        sample=sample.name,
        category=sample.category,
        method=spec_of(one.case.method),
        target=one.look.target,
        predicted=predicted,
        right=predicted in sample.classes if sample.classes else None,
        probability=one.case.probability,
        no_evidence=not one.evidence,
        values={name: found.value for name, found in results.items()},
        curves={name: found.curve for name, found in results.items() if found.curve},
        passes=one.passes,
        seconds=one.seconds,
    )


def by_method(rows: Sequence[Row]) -> Mapping[str, dict[str, Row]]:
    """For each method, its rows by sample."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.method, {})[row.sample] = row
    return found
