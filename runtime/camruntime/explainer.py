"""The entry point: a bundle, opened, that explains predictions."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from camruntime.batches import in_batches
from camruntime.bundle import Bundle, open_bundle
from camruntime.engine import Engine
from camruntime.errors import CamError, ImageError, MethodError
from camruntime.explaining import Answer, Opened, explain_batch, open_image
from camruntime.explanation import Explanation
from camruntime.memory import Progress
from camruntime.methods import Method, make_method
from camruntime.onnx_graphs import OnnxGraphs
from camruntime.providers import Provider
from camruntime.targets import Target, by_image

Image: TypeAlias = "str | Path | NDArray[np.generic]"
Targets: TypeAlias = "list[int] | list[str] | list[Target] | tuple[Target, ...]"


class Explainer:
    """Explains predictions of one bundle. Sessions are opened when first needed and reused.

    Attributes:
        bundle: what was opened.
        provider: the execution provider that computes, in ONNX Runtime's words.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        chunk: int | None = None,
    ) -> None:
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
        return self._graphs(None)

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
            image: a path, or uint8 RGB `(H, W, 3)` or grey `(H, W)`; a list of them gives a list,
                as `explain_each` makes it.
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
        if isinstance(image, (list, tuple)):
            return list(self.explain_each(image, chosen, target, progress=progress))
        opened = open_image(image, target, self.bundle.manifest)
        ((answer,),) = explain_batch(self._graphs(progress), [opened], [chosen])
        return answer

    @overload
    def explain_each(
        self,
        images: Iterable[Image],
        method: str | Method = ...,
        target: Target | None = ...,
        *,
        progress: Progress | None = ...,
        **options: object,
    ) -> Generator[Explanation, None, None]: ...

    @overload
    def explain_each(
        self,
        images: Iterable[Image],
        method: list[Any] | tuple[Any, ...],
        target: Target | None = ...,
        *,
        progress: Progress | None = ...,
    ) -> Generator[list[Explanation], None, None]: ...

    @overload
    def explain_each(
        self,
        images: Iterable[Image],
        method: Any = ...,
        target: Target | list[Any] | tuple[Any, ...] | None = ...,
        *,
        progress: Progress | None = ...,
        **options: object,
    ) -> Generator[Any, None, None]: ...

    def explain_each(
        self,
        images: Iterable[Image],
        method: Any = "recipro-cam",
        target: Any = None,
        *,
        progress: Progress | None = None,
        **options: object,
    ) -> Generator[Any, None, None]:
        """Explain one image after the other, as many as there are, without holding them all.

        Threads read what comes next while the network looks at several images at once. Order and
        maps are those of single images: on the CPU bit for bit, as far as was tried, and elsewhere
        but for float32 rounding. Two batches of what was read are in memory at any time, each of at
        most 16 images on the CPU (4 for each thread) and 64 on CUDA, or `chunk`, and of 256 MiB of
        photographs. Closing the iterator stops the threads.

        Args:
            images: paths and arrays, as for `explain`; a generator is taken from bit by bit.
            method: as for `explain`; or a list of them, which share the reading, the forward pass
                and the gradients, and give a list of answers for each image.
            target: as for `explain`; a list holds one target per image.
            progress: called with (done, all) after every chunk of perturbed copies of one image,
                counted over all methods.
            **options: fields of the method's dataclass, when `method` is a name.

        Yields:
            For each image what `explain` returns for it.

        Raises:
            ImageError: `images` is a single path.
            TargetError: there are more images than targets, or fewer.
            CamError: as `explain`; an image's own error when it is that image's turn.
        """
        if isinstance(images, (str, Path)):
            raise ImageError(f"expected several images, got the one path {images}: use explain")
        several = isinstance(method, (list, tuple))
        methods = [self.method(one, options) for one in (method if several else [method])]
        answers = self._stream(by_image(images, target), methods, progress)
        return answers if several else (answer for (answer,) in answers)

    def _stream(
        self,
        asked: Iterable[tuple[object, object]],
        methods: Sequence[Method],
        progress: Progress | None,
    ) -> Generator[list[Answer], None, None]:
        graphs, manifest = self._graphs(progress), self.bundle.manifest

        def read(pair: tuple[object, object]) -> Opened:
            return open_image(*pair, manifest)

        with closing(in_batches(read, asked, self._engine.threads, graphs.batch)) as batches:
            for batch in batches:
                yield from explain_batch(graphs, batch, methods)

    def _graphs(self, progress: Progress | None) -> OnnxGraphs:
        return OnnxGraphs(self._engine, self._chunk, progress)

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
        threads: for the CPU, and as many to read images when there are several; None takes one per
            core.
        chunk: perturbed copies, or images, computed at once, the knob for memory; None chooses by
            provider and threads. Where memory runs out it becomes fewer, which a
            `SmallerChunkWarning` says once.

    Raises:
        BundleError: not a bundle, damaged, or of another schema version.
        ProviderError: a provider that was named does not open.
        MissingDependencyError: ONNX Runtime is not installed.
    """
    bundle = open_bundle(path)
    return Explainer(bundle, Engine(bundle, providers, device_id, threads), chunk)
