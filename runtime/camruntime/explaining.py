"""From photographs to explanations: what happens to those of one batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from camruntime.batch_graphs import BatchGraphs
from camruntime.blas import one_blas_thread
from camruntime.bundle import Manifest
from camruntime.explanation import ClassScore, Explanation, Provenance
from camruntime.fitting import fit, prepare
from camruntime.graphs import Forward, softmax
from camruntime.maps import Maps
from camruntime.memory import Progress
from camruntime.methods import Method, ReciproCAM
from camruntime.onnx_graphs import OnnxGraphs
from camruntime.picture import Picture, as_picture
from camruntime.saliency import saliency
from camruntime.targets import class_index

Answer = Explanation | list[Explanation]
"""A list where a list of classes was asked for."""


@dataclass(frozen=True, eq=False)
class Opened:
    """A photograph that is ready for the network.

    Attributes:
        photo: uint8 RGB `(H, W, 3)`.
        image: float32 `(1, 3, H, W)`, normalised, at the size of the network's input.
        targets: the classes to explain; None is the top class.
        several: whether the answer is a list.
    """

    photo: Picture
    image: np.ndarray[Any, np.dtype[np.float32]]
    targets: tuple[int | None, ...]
    several: bool


def open_image(image: object, target: Any, manifest: Manifest) -> Opened:
    """Read and prepare a photograph; `image` and `target` as `Explainer.explain` takes them.

    Raises:
        ImageError: it cannot be read.
        TargetError: there is no such class.
    """
    photo = as_picture(image)
    several = isinstance(target, (list, tuple))
    targets = tuple(
        None if one is None else class_index(one, manifest.labels)
        for one in (target if several else [target])
    )
    return Opened(photo, prepare(photo, manifest.input), targets, several)


def explain_batch(
    graphs: OnnxGraphs, batch: Sequence[Opened], methods: Sequence[Method]
) -> Iterator[list[Answer]]:
    """The answers of all methods, for one photograph of the batch after the other.

    Progress is told by photograph: as (done, all) of what all methods do with it.

    Raises:
        NonFiniteError: the network's answer to this photograph is no number.
        MethodError: the method cannot explain this network.
    """
    cells = any(isinstance(one, ReciproCAM) and one.mask == "cell" for one in methods)
    look = graphs.forwards_with_cells if cells else graphs.forwards
    forwards = look(np.concatenate([one.image for one in batch]))
    targets = [_indices(*pair) for pair in zip(batch, forwards, strict=True)]
    shared = BatchGraphs(graphs.engine, graphs.chunk, passes=forwards, targets=targets)
    for opened, forward, wanted in zip(batch, forwards, targets, strict=True):
        graphs.finite(forward)
        answers: list[Answer] = []
        for index, method in enumerate(methods):
            told = _part(graphs.progress, index, len(methods))
            made = _explain(replace(shared, progress=told), opened, forward, wanted, method)
            answers.append(made if opened.several else made[0])
        yield answers


def _indices(opened: Opened, forward: Forward) -> list[int]:
    top = int(forward.logits.argmax())
    return [top if one is None else one for one in opened.targets]


def _part(progress: Progress | None, index: int, count: int) -> Progress | None:
    """What tells `progress` how far all methods are while that of this index works."""
    if progress is None:
        return None
    return lambda done, every: progress(index * every + done, count * every)


def _explain(
    graphs: BatchGraphs, opened: Opened, forward: Forward, targets: list[int], method: Method
) -> list[Explanation]:
    if not targets:
        return []
    with one_blas_thread():
        maps = method(graphs, forward, targets)
        return [
            _explanation(graphs, opened, forward, maps, row, target, method)
            for row, target in enumerate(targets)
        ]


def _explanation(
    graphs: BatchGraphs,
    opened: Opened,
    forward: Forward,
    maps: Maps,
    row: int,
    index: int,
    method: Method,
) -> Explanation:
    manifest, raw = graphs.engine.bundle.manifest, maps.raw[row]
    shown, evidence = saliency(raw, manifest.input.size)
    probabilities = softmax(forward.logits)
    target, predicted = (
        ClassScore(which, manifest.labels[which], float(probabilities[which]))
        for which in (index, int(forward.logits.argmax()))
    )
    return Explanation(
        photo=opened.photo,
        raw=raw,
        saliency=shown,
        target=target,
        predicted=predicted,
        method=method,
        no_evidence=not evidence,
        provenance=Provenance(
            manifest.model, manifest.layer.name, manifest.fingerprint, graphs.engine.provider
        ),
        fit=fit(opened.photo.shape[:2], manifest.input),
        mean=manifest.input.mean,
        components=maps.components[row] if maps.components else None,
        edges=maps.edges,
        approximation=maps.approximations[row] if maps.approximations else None,
    )
