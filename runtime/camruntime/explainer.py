"""The entry point: a bundle, opened, that explains predictions."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from camruntime.bundle import Bundle, open_bundle
from camruntime.engine import Engine, OnnxGraphs, Progress, Provider
from camruntime.errors import CamError, ImageError, MethodError
from camruntime.explaining import (
    Answer,
    Outcome,
    Photograph,
    Target,
    Wanted,
    by_image,
    explain_batch,
    explain_prediction,
    in_batches,
    open_image,
    predict_batch,
    wanted,
)
from camruntime.explanation import Explanation
from camruntime.methods import Method, make_method
from camruntime.pictures import Pixels

Image: TypeAlias = "str | Path | NDArray[np.generic] | Pixels"
Targets: TypeAlias = "Sequence[Target | None]"
"""Several classes of one image; of several images, one for each."""


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
    def explain(  # type: ignore[overload-overlap]  # a path is a sequence of texts, and goes here
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
        target: Targets = ...,
        *,
        progress: Progress | None = ...,
        **options: object,
    ) -> list[Explanation]: ...

    @overload
    def explain(
        self,
        image: Sequence[Image],
        method: str | Method = ...,
        target: Target | Targets | None = ...,
        *,
        progress: Progress | None = ...,
        **options: object,
    ) -> list[Explanation]: ...

    def explain(
        self,
        image: object,
        method: str | Method = "recipro-cam",
        target: object = None,
        *,
        progress: Progress | None = None,
        **options: object,
    ) -> object:
        """Explain why `image` has class `target`.

        Args:
            image: a path, or an RGB array `(H, W, 3)`, a grey one `(H, W)`, or `(H, W, channels)`
                for a network that takes neither: uint8, or uint16 where the bundle's full scale is
                above 255; or `Pixels`. A list of them gives a list, as `explain_each` makes it.
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
        graphs = self._graphs(progress)
        if isinstance(image, (list, tuple)):
            return [answer for (answer,) in self._stream(by_image(image, target), [chosen], graphs)]
        ((answer,),) = explain_batch(graphs, [self._open((image, target))], [chosen])
        return answer

    @overload
    def explain_each(  # type: ignore[overload-overlap]  # a spec is a sequence of texts, too
        self,
        images: Iterable[Image],
        method: str | Method = ...,
        target: Target | Targets | None = ...,
        *,
        progress: Progress | None = ...,
        **options: object,
    ) -> Generator[Explanation, None, None]: ...

    @overload
    def explain_each(
        self,
        images: Iterable[Image],
        method: str | Method = ...,
        target: Sequence[Targets] = ...,
        *,
        progress: Progress | None = ...,
        **options: object,
    ) -> Generator[list[Explanation], None, None]: ...

    @overload
    def explain_each(
        self,
        images: Iterable[Image],
        method: Sequence[str | Method],
        target: Target | Targets | None = ...,
        *,
        progress: Progress | None = ...,
    ) -> Generator[list[Explanation], None, None]: ...

    def explain_each(
        self,
        images: Iterable[Image],
        method: str | Method | Sequence[str | Method] = "recipro-cam",
        target: object = None,
        *,
        progress: Progress | None = None,
        **options: object,
    ) -> Generator[object, None, None]:
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
        asked, graphs = by_image(images, target), self._graphs(progress)
        if isinstance(method, Sequence) and not isinstance(method, str):
            return self._stream(asked, [self.method(one, options) for one in method], graphs)
        alone = [self.method(method, options)]
        return (answer for (answer,) in self._stream(asked, alone, graphs))

    def open(self, image: Image, target: Target | Targets | Wanted | None = None) -> Photograph:
        """A photograph that is ready for the network, as `outcome` takes it.

        Raises:
            ImageError, TargetError: it cannot be read, or there is no such class.
        """
        return self._open((image, target))

    def outcome(self, photograph: Photograph, method: str | Method) -> Outcome:
        """What `explain` makes of a photograph, with the pass, the method's own maps and the cost.

        Raises:
            CamError: as `explain`.
        """
        chosen = self.method(method)
        (prediction,) = predict_batch(self.graphs(), [photograph], [chosen])
        return explain_prediction(prediction, chosen)

    def batches(
        self, asked: Iterable[tuple[object, object]]
    ) -> Generator[Sequence[Photograph], None, None]:
        """Photographs that are ready for the network, read ahead in threads.

        Args:
            asked: pairs of an image and its target, as `explain` takes them, or `Wanted`.

        Yields:
            As many as go through the network at once, or as fit into memory.

        Raises:
            ImageError, TargetError: of a pair, when it is its turn.
        """
        return in_batches(self._open, asked, self._engine.threads, self.graphs().batch)

    def _open(self, asked: tuple[object, object]) -> Photograph:
        image, target = asked
        classes = target if isinstance(target, Wanted) else wanted(target, self.labels)
        return open_image(image, classes, self.bundle.manifest.input)

    def _stream(
        self, asked: Iterable[tuple[object, object]], methods: Sequence[Method], graphs: OnnxGraphs
    ) -> Generator[list[Answer], None, None]:
        with closing(self.batches(asked)) as batches:
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
    require_signature: str | Path | None = None,
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
        require_signature: PEM file of a public key or of certificates: the bundle has to be signed
            with that key, or with one whose certificate goes back to these. Needs the extra
            `signing`.

    Raises:
        SignatureError: a signature is required and missing, by another key, or of other files.
        BundleError: not a bundle, damaged, or of another schema version.
        ProviderError: a provider that was named does not open.
        MissingDependencyError: ONNX Runtime is not installed, or model-signing where it is needed.
    """
    bundle = open_bundle(path, require_signature)
    return Explainer(bundle, Engine(bundle, providers, device_id, threads), chunk)
