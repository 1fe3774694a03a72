"""The entry point: a bundle, opened, that explains predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from camruntime.bundle import Bundle, open_bundle
from camruntime.engine import Engine
from camruntime.errors import CamError, MethodError, TargetError
from camruntime.explanation import ClassScore, Explanation, Provenance
from camruntime.fitting import fit, prepare
from camruntime.graphs import Forward, softmax
from camruntime.maps import Maps
from camruntime.memory import Progress
from camruntime.methods import Method, make_method
from camruntime.onnx_graphs import OnnxGraphs
from camruntime.picture import Picture, as_picture
from camruntime.providers import Provider
from camruntime.saliency import saliency
from camruntime.targets import Target, class_index

Image: TypeAlias = "str | Path | NDArray[np.generic]"
Targets: TypeAlias = "list[int] | list[str] | list[Target] | tuple[Target, ...]"


class Explainer:
    """Explains predictions of one bundle. Sessions are opened when first needed and reused.

    Attributes:
        bundle: what was opened.
        provider: the execution provider that computes, in ONNX Runtime's words.
    """

    def __init__(self, bundle: Bundle, engine: Engine, chunk: int | None = None) -> None:
        if chunk is not None and chunk < 1:
            raise CamError(f"chunk is a number of images of at least 1, got {chunk}")
        self.bundle = bundle
        self.provider = engine.provider
        self._engine = engine
        self._chunk = chunk

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the classes, in the order of the logits."""
        return self.bundle.manifest.labels

    def graphs(self) -> OnnxGraphs:
        """The network, as saliency methods and metrics ask it."""
        return OnnxGraphs(self._engine, self._chunk)

    @overload
    def explain(
        self,
        image: Image,
        method: str | Method = ...,
        target: Target | None = ...,
        *,
        progress: Progress | None = ...,
        **options: object,
    ) -> Explanation: ...

    @overload
    def explain(
        self,
        image: Image,
        method: str | Method = ...,
        *,
        target: Targets,
        progress: Progress | None = ...,
        **options: object,
    ) -> list[Explanation]: ...

    @overload
    def explain(
        self,
        image: list[Any] | tuple[Any, ...],
        method: str | Method = ...,
        target: Target | list[Any] | tuple[Any, ...] | None = ...,
        *,
        progress: Progress | None = ...,
        **options: object,
    ) -> list[Any]: ...

    def explain(
        self,
        image: Any,
        method: str | Method = "recipro-cam",
        target: Any = None,
        *,
        progress: Progress | None = None,
        **options: object,
    ) -> Any:
        """Explain why `image` has class `target`.

        Args:
            image: a path, or uint8 RGB `(H, W, 3)` or grey `(H, W)`; a list of them gives a list.
            method: a method's name or spec (`score-cam`, `score-cam:preset=official`), or a method
                object.
            target: class index or label; None for each image's top class; a list of classes gives
                a list of explanations whose cost is shared. For a list of images, a list holds one
                such target per image.
            progress: called with (done, all) after every chunk of perturbed copies of one image.
            **options: fields of the method's dataclass, when `method` is a name.

        Raises:
            ImageError, TargetError, MethodError: an argument is not usable; the message says why.
            BundleError: the bundle lacks a graph that the method needs.
            NonFiniteError: the network answered NaN or infinity.
            DeviceMemoryError: not even one perturbed copy fits into memory.
        """
        chosen = self.method(method, options)
        if not isinstance(image, (list, tuple)):
            return self._explain_one(image, chosen, target, progress)
        targets = list(target) if isinstance(target, (list, tuple)) else [target] * len(image)
        if len(targets) != len(image):
            raise TargetError(
                f"{len(image)} images and {len(targets)} targets: give one target per image "
                "(itself a list for several classes of one image), or a single one for all"
            )
        pairs = zip(image, targets, strict=True)
        return [self._explain_one(one, chosen, wanted, progress) for one, wanted in pairs]

    def _explain_one(
        self, image: Image, method: Method, target: Any, progress: Progress | None
    ) -> Explanation | list[Explanation]:
        photo = as_picture(image)
        graphs = OnnxGraphs(self._engine, self._chunk, progress)
        forward = graphs.forward(prepare(photo, self.bundle.manifest.input))
        several = isinstance(target, (list, tuple))
        wanted = [self._index(one, forward) for one in (target if several else [target])]
        maps = method(graphs, forward, wanted) if wanted else Maps(forward.activations[:0, 0])
        made = [
            self._explanation(photo, forward, maps, row, index, method)
            for row, index in enumerate(wanted)
        ]
        return made if several else made[0]

    def _index(self, target: Target | None, forward: Forward) -> int:
        return int(forward.logits.argmax()) if target is None else class_index(target, self.labels)

    def _explanation(
        self,
        photo: Picture,
        forward: Forward,
        maps: Maps,
        row: int,
        index: int,
        method: Method,
    ) -> Explanation:
        manifest, raw = self.bundle.manifest, maps.raw[row]
        shown, evidence = saliency(raw, manifest.input.size)
        probabilities = softmax(forward.logits)
        target, predicted = (
            ClassScore(which, self.labels[which], float(probabilities[which]))
            for which in (index, int(forward.logits.argmax()))
        )
        return Explanation(
            photo=photo,
            raw=raw,
            saliency=shown,
            target=target,
            predicted=predicted,
            method=method,
            no_evidence=not evidence,
            provenance=Provenance(
                manifest.model, manifest.layer.name, manifest.source.digest, self.provider
            ),
            fit=fit(photo.shape[:2], manifest.input),
            mean=manifest.input.mean,
            components=maps.components[row] if maps.components else None,
            edges=maps.edges,
            approximation=maps.approximations[row] if maps.approximations else None,
        )

    def method(self, method: str | Method, options: Mapping[str, object] | None = None) -> Method:
        """The method that a name or spec means, once the bundle is seen to have its graphs.

        Raises:
            MethodError: no such method or option.
            BundleError: the bundle lacks a graph that the method needs.
        """
        if isinstance(method, str):
            chosen = make_method(method, options)
        elif options:
            raise MethodError(f"options {sorted(options)} go with a method's name, not an object")
        else:
            chosen = method
        for graph in chosen.needs:
            self.bundle.graph(graph)
        return chosen


def load(
    path: str | Path,
    providers: Sequence[Provider] | None = None,
    *,
    device_id: int = 0,
    threads: int | None = None,
    chunk: int | None = None,
) -> Explainer:
    """Open the bundle in directory `path`.

    Args:
        path: a directory that `camexport build` wrote.
        providers: execution providers in order of preference: `cuda`, `tensorrt`, `openvino`,
            `cpu`, a full name of ONNX Runtime's, or a pair of name and options. None takes CUDA
            when it opens, else the CPU; `Explainer.provider` says which.
        device_id: which GPU.
        threads: for the CPU; None takes one per core.
        chunk: perturbed copies computed at once, the knob for memory; None chooses by provider.
            Where memory runs out it becomes fewer, which a `SmallerChunkWarning` says once.

    Raises:
        BundleError: not a bundle, damaged, or of another schema version.
        ProviderError: a provider that was named does not open.
        MissingDependencyError: ONNX Runtime is not installed.
    """
    bundle = open_bundle(path)
    return Explainer(bundle, Engine(bundle, providers, device_id, threads), chunk)
