"""The entry point: a bundle, opened, that explains predictions."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import whole, within
from camruntime._freed_memory import keep_freed_memory
from camruntime._text import named, shown
from camruntime.budget import Costs, Estimate, Policy, policy_of, within_budget
from camruntime.bundle import Bundle, Manifest, open_again, open_any, suited
from camruntime.calibration import Calibration, read_calibration
from camruntime.engine import Cancel, Engine, OnnxGraphs, Progress, Provider
from camruntime.errors import CamError, ImageError, MethodError
from camruntime.explaining import (
    Answer,
    Outcome,
    Photograph,
    Prediction,
    Taken,
    Target,
    Wanted,
    asked_of,
    by_image,
    explain_batch,
    explain_batch_or_say,
    explain_prediction,
    in_batches,
    kept,
    open_image,
    predict_batch,
    predict_batch_or_say,
    take_image,
    verdict_of,
    wanted,
)
from camruntime.explanation import Explanation
from camruntime.methods import Method, method_of, spec_of, unit_of
from camruntime.pictures import MEGAPIXELS, Pixels
from camruntime.verdict import Verdict

Image: TypeAlias = "str | Path | NDArray[np.generic] | Pixels"
Targets: TypeAlias = "Sequence[Target | None]"
"""Several classes of one image; of several images, one for each."""


_log = logging.getLogger("camruntime")


class _Used(NamedTuple):
    """What belongs together, and is read once for each image: `reload` may put others in place."""

    engine: Engine
    calibration: Calibration | None
    costs: Costs


class Explainer:
    """Explains predictions of one bundle. Sessions are opened when first needed and reused.

    Args:
        engine: runs the bundle.
        chunk, max_megapixels, require_signature, calibration: as of `load`.
    """

    def __init__(
        self,
        engine: Engine,
        chunk: int | None = None,
        max_megapixels: float = MEGAPIXELS,
        require_signature: str | Path | None = None,
        calibration: str | Path | None = None,
    ) -> None:
        self._calibration_file, self._provider = calibration, engine.provider
        self._required = require_signature
        self._chunk = None if chunk is None else whole("chunk", chunk, 1, 4096)
        self._used = self._using(engine, self._read_calibration(engine.bundle))
        _say_loaded("loaded", engine)
        self._megapixels = max_megapixels
        within("pictures", CamError, ("max_megapixels", max_megapixels, 1e-6, 1e5))

    @property
    def _engine(self) -> Engine:
        return self._used.engine

    @property
    def bundle(self) -> Bundle:
        """What was opened."""
        return self._engine.bundle

    @property
    def calibration(self) -> Calibration | None:
        """What maps are held against; None where `load` was given none."""
        return self._used.calibration

    @property
    def provider(self) -> str:
        """The execution provider that computes, in ONNX Runtime's words."""
        return self._engine.provider

    def reload(self) -> None:
        """Take the bundle that lies at the same path now, between two explanations.

        A calibration is read again from its file, too, and has to be the new bundle's.

        What is under way, in whatever thread, is finished with the old one; what begins afterwards,
        also in a running `explain_each`, is of the new one. Sessions that are open are opened
        first, so both are in memory for a moment, and nothing is refused or waits meanwhile.

        Raises:
            CamError: as `load`, and as its sessions' opening; the old bundle stays in use.
        """
        newest = open_again(self.bundle, self.provider, self._required)
        calibration = self._read_calibration(newest)
        used = self._using(self._engine.renewed(newest), calibration)
        used.costs.prepare_as(self._used.costs)
        before, self._used = self.bundle.manifest.digest, used
        _say_loaded(f"reloaded, in the place of {before[:12]}…:", self._engine)

    def _using(self, engine: Engine, calibration: Calibration | None) -> _Used:
        return _Used(engine, calibration, Costs(OnnxGraphs(engine, self._chunk)))

    def _read_calibration(self, bundle: Bundle) -> Calibration | None:
        if self._calibration_file is None:
            return None
        calibration = read_calibration(self._calibration_file)
        calibration.require(bundle.manifest)
        _log.info(
            "calibration %s taken: alpha %g, %d good parts, %s",
            calibration.digest,
            calibration.alpha,
            len(calibration.parts),
            ", ".join(one.method for one in calibration.methods),
        )
        if calibration.provider != self._provider:
            _log.warning(
                "calibrated on %s, computing on %s: where their maps differ by more than rounding, "
                "calibrate on the one that computes",
                calibration.provider,
                self._provider,
            )
        return calibration

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the classes, in the order of the logits."""
        return self.bundle.manifest.labels

    def graphs(self) -> OnnxGraphs:
        """The network, as saliency methods and metrics ask it."""
        return self._graphs(None)

    @overload
    def predict(  # type: ignore[overload-overlap]  # a path is a sequence of texts, and goes here
        self, images: Image, *, cancel: Cancel | None = ...
    ) -> Verdict: ...

    @overload
    def predict(self, images: Sequence[Image], *, cancel: Cancel | None = ...) -> list[Verdict]: ...

    def predict(self, images: object, *, cancel: Cancel | None = None) -> object:
        """What the network says, without a map: a plain pass.

        Args:
            images: one, as for `explain`, or a list of them, which gives a list.
            cancel: as for `explain`, asked before every batch.

        Raises:
            ImageError: an image cannot be read, or is not what the network takes.
            NonFiniteError: the network answered NaN or infinity.
            DeviceMemoryError: not even one image fits into memory.
            Cancelled: `cancel` was set.
        """
        several = isinstance(images, (list, tuple))
        asked = ((one, None) for one in (images if isinstance(images, (list, tuple)) else [images]))
        graphs = self._graphs(None, cancel)
        graphs.go_on()
        found: list[Verdict] = []
        with closing(self.batches(asked)) as batches:
            for batch in batches:
                for one in predict_batch(graphs, batch, []):
                    graphs.finite(one.forward)
                    found.append(verdict_of(one))
        return found if several else found[0]

    def warm_up(
        self, methods: Sequence[str | Method] = ("recipro-cam",), target: Target | None = None
    ) -> dict[str, Estimate]:
        """Open the sessions of `predict` and these methods, and measure what each will cost here.

        So the first part on a line takes no longer than the others, and budgets are known. Call it
        before the line starts, when nothing else keeps the machine busy: sessions that are open are
        closed first, where memory is measured. After `reload` the new bundle is measured again.

        Args:
            methods: names, specs or objects; in a policy's order, where there will be one.
            target: such as is explained later: a contrast may take more gradients.

        Returns:
            By spec, what a method costs from the prepared photograph to the map.

        Raises:
            MethodError, BundleError, TargetError: a method or class that there is not.
            CamError: a session does not open, or its memory does not do.
        """
        if isinstance(methods, str) or not hasattr(methods, "__iter__"):
            what = "the text " if isinstance(methods, str) else ""
            raise MethodError(f"warm_up takes a list of methods, got {what}{shown(methods)}")
        chosen = [self.method(one) for one in methods]
        used = self._used
        asked, costs = asked_of(self._wanted(target, used.engine.bundle.manifest)), used.costs
        costs.prepare(chosen, asked)
        return {spec_of(one): costs.estimate(one, asked) for one in chosen}

    @overload
    def explain(  # type: ignore[overload-overlap]  # a path is a sequence of texts, and goes here
        self,
        image: Image,
        method: str | Method | Policy = ...,
        target: Target | None = ...,
        *,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        budget_ms: float | None = ...,
        memory_mb: float | None = ...,
        **options: object,
    ) -> Explanation: ...

    @overload
    def explain(
        self,
        image: Image,
        method: str | Method | Policy = ...,
        target: Targets = ...,
        *,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        budget_ms: float | None = ...,
        memory_mb: float | None = ...,
        **options: object,
    ) -> list[Explanation]: ...

    @overload
    def explain(
        self,
        image: Sequence[Image],
        method: str | Method | Policy = ...,
        target: Target | Targets | None = ...,
        *,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        budget_ms: float | None = ...,
        memory_mb: float | None = ...,
        **options: object,
    ) -> list[Explanation]: ...

    def explain(
        self,
        image: object,
        method: str | Method | Policy = "recipro-cam",
        target: object = None,
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
        budget_ms: float | None = None,
        memory_mb: float | None = None,
        **options: object,
    ) -> object:
        """Explain why `image` has class `target`.

        Args:
            image: a path, or an RGB array `(H, W, 3)`, a grey one `(H, W)`, or `(H, W, channels)`
                for a network that takes neither: uint8, or uint16 where the bundle's full scale is
                above 255; or `Pixels`. A list of them gives a list, as `explain_each` makes it.
            method: a method's name or spec (`score-cam`, `score-cam:preset=official`), or a method
                object; or a `Policy`, several of them of which the first that fits its budget is
                taken.
            target: class index or label; `Contrast("scratch", "good")` or `"scratch-good"` for one
                class rather than another, `Contrast(against="good")` or `"not good"` for all
                others together; None for each image's top class; a list of them gives a list of
                explanations whose cost is shared. For a list of images, a list holds one such
                target per image.
            progress: called with (done, all) after every chunk of perturbed copies of one image.
            cancel: such as a `threading.Event`: once it is set, `Cancelled` is raised before the
                next chunk.
            budget_ms: milliseconds for each image, reading included. What does not fit raises
                `BudgetError` before it starts; `Explanation.choice` says what it took. Images are
                then explained one by one. What is not `warm_up`'d is measured first.
            memory_mb: MiB that perturbed copies may take at once, see `Policy`; there are fewer at
                once where that fits.
            **options: fields of the method's dataclass, when `method` is a name.

        Raises:
            BudgetError: no method fits into the budget.
            ImageError, TargetError, MethodError: an argument is not usable; the message says why.
            BundleError: the bundle lacks a graph that the method needs.
            CalibrationError: there is a calibration, and not of this method or target.
            NonFiniteError: the network answered NaN or infinity.
            DeviceMemoryError: not even one perturbed copy fits into memory.
            Cancelled: `cancel` was set.
        """
        graphs = self._graphs(progress, cancel)
        policy = policy_of(method, options, budget_ms, memory_mb)
        if policy is not None:
            if isinstance(image, (list, tuple)):
                return [*self._budgeted(by_image(image, target), policy, graphs)]
            return self._within_budget((image, target), policy, graphs)
        assert not isinstance(method, Policy)
        chosen = self.method(method, options)
        if isinstance(image, (list, tuple)):
            return [answer for (answer,) in self._stream(by_image(image, target), [chosen], graphs)]
        graphs.go_on()
        ((answer,),) = explain_batch(graphs, [self._open((image, target))], [chosen])
        return answer

    @overload
    def explain_each(  # type: ignore[overload-overlap]  # a spec is a sequence of texts, too
        self,
        images: Iterable[Image],
        method: str | Method | Policy = ...,
        target: Target | Targets | None = ...,
        *,
        errors: Literal["raise"] = ...,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        **options: object,
    ) -> Generator[Explanation, None, None]: ...

    @overload
    def explain_each(
        self,
        images: Iterable[Image],
        method: str | Method | Policy = ...,
        target: Sequence[Targets] = ...,
        *,
        errors: Literal["raise"] = ...,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        **options: object,
    ) -> Generator[list[Explanation], None, None]: ...

    @overload
    def explain_each(
        self,
        images: Iterable[Image],
        method: Sequence[str | Method],
        target: Target | Targets | None = ...,
        *,
        errors: Literal["raise"] = ...,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
    ) -> Generator[list[Explanation], None, None]: ...

    @overload
    def explain_each(
        self,
        images: Iterable[Image],
        method: str | Method | Policy = ...,
        target: Target | Targets | None = ...,
        *,
        errors: Literal["yield"],
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        **options: object,
    ) -> Generator[Explanation | CamError, None, None]: ...

    @overload
    def explain_each(
        self,
        images: Iterable[Image],
        method: str | Method | Policy | Sequence[str | Method] = ...,
        target: Target | Targets | Sequence[Targets] | None = ...,
        *,
        errors: Literal["yield"],
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        **options: object,
    ) -> Generator[list[Explanation] | CamError, None, None]: ...

    def explain_each(
        self,
        images: Iterable[Image],
        method: str | Method | Policy | Sequence[str | Method] = "recipro-cam",
        target: object = None,
        *,
        errors: Literal["raise", "yield"] = "raise",
        progress: Progress | None = None,
        cancel: Cancel | None = None,
        **options: object,
    ) -> Generator[object, None, None]:
        """Explain one image after the other, as many as there are, without holding them all.

        Threads read what comes next while the network looks at several images at once. An array is
        copied when `images` gives it, so a camera may fill its buffer again for the next. Order and
        maps are those of single images: on the CPU, of methods without a gradient, bit for bit as
        far as was tried; else but for float32 rounding. Two batches of what was read are in memory
        at any time, each of at most 16 images on the CPU (4 for each thread) and 64 on CUDA, or
        `chunk`, and of 256 MiB of photographs. Closing the iterator stops the threads.

        Args:
            images: paths and arrays, as for `explain`; a generator is taken from bit by bit.
            method: as for `explain`; or a list of them, which share the reading, the forward pass
                and the gradients, and give a list of answers for each image; or a `Policy`, by
                which images are explained one by one, each within its budget.
            target: as for `explain`; a list holds one target per image.
            errors: `raise` an image's own error in its turn, which ends the iterator; or `yield` it
                in the place of the image's answer, and go on. Its own are `ImageError`,
                `TargetError`, `NonFiniteError` and `BudgetError`.
            progress: called with (done, all) after every chunk of perturbed copies of one image,
                counted over all methods.
            cancel: as for `explain`.
            **options: fields of the method's dataclass, when `method` is a name.

        Yields:
            For each image what `explain` returns for it.

        Raises:
            ImageError: `images` is a single picture.
            TargetError: there are more images than targets, or fewer.
            CamError: as `explain`; an image's own error when it is that image's turn.
        """
        _refuse_one(images)
        if errors not in ("raise", "yield"):
            raise CamError(f"errors is 'raise' or 'yield', got {shown(errors)}")
        graphs = self._graphs(progress, cancel)
        if isinstance(method, Policy):
            return self._each_within(by_image(images, target), method, options, errors, graphs)
        several = isinstance(method, Sequence) and not isinstance(method, str)
        each: Sequence[str | Method] = method if several else [method]  # type: ignore[assignment, list-item]
        chosen = [self.method(one, options) for one in each]
        if not chosen:
            raise MethodError("expected at least one method, got an empty list")
        stream = self._stream if errors == "raise" else self._stream_or_say
        answers = stream(by_image(images, target), chosen, graphs)
        return (one if several or isinstance(one, CamError) else one[0] for one in answers)

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
        return in_batches(self._take, self._read, asked, self._engine.threads, self.graphs().batch)

    def predictions(
        self, asked: Iterable[tuple[object, object]], methods: Sequence[Method]
    ) -> Generator[Prediction | CamError, None, None]:
        """What the network says of one photograph after the other, for `explain_prediction`.

        Args:
            asked: as for `batches`.
            methods: that will explain it; what they prefer comes with the pass.

        Yields:
            In the place of a photograph that cannot be read, its error.
        """
        graphs, read = self.graphs(), (kept(self._take), kept(self._read))
        with closing(in_batches(*read, asked, self._engine.threads, graphs.batch)) as batches:
            for batch in batches:
                yield from predict_batch_or_say(graphs, batch, methods)

    def _open(self, asked: tuple[object, object]) -> Photograph:
        return self._read(self._take(asked))

    def _take(self, asked: tuple[object, object]) -> Taken:
        return self._take_for(self._used, asked)

    def _take_for(self, used: _Used, asked: tuple[object, object]) -> Taken:
        image, target = asked
        classes = self._wanted(target, used.engine.bundle.manifest)
        return take_image(image, classes, used.engine, used.calibration, self._megapixels)

    def _wanted(self, target: object, manifest: Manifest) -> Wanted:
        if isinstance(target, Wanted):
            return target
        return wanted(target, manifest.labels, manifest.answer, manifest.good)

    def _budgeted(
        self, asked: Iterable[tuple[object, object]], policy: Policy, graphs: OnnxGraphs
    ) -> Generator[Answer, None, None]:
        """The answers for one image after the other, each within the budget."""
        return (self._within_budget(one, policy, graphs) for one in asked)

    def _each_within(
        self,
        asked: Iterable[tuple[object, object]],
        policy: Policy,
        options: Mapping[str, object],
        errors: str,
        graphs: OnnxGraphs,
    ) -> Generator[object, None, None]:
        policy_of(policy, options, None, None)
        if errors == "raise":
            return self._budgeted(asked, policy, graphs)

        def answer(one: tuple[object, object]) -> Answer:
            return self._within_budget(one, policy, graphs)

        return (one for one in map(kept(answer), asked))

    def _within_budget(
        self, asked: tuple[object, object], policy: Policy, graphs: OnnxGraphs
    ) -> Answer:
        graphs.go_on()
        used = self._used  # also if there is a reload while it is measured
        methods = [self.method(one) for one in policy.methods]
        classes = self._wanted(asked[1], used.engine.bundle.manifest)
        used.costs.prepare(methods, asked_of(classes))

        def read() -> Photograph:
            return self._read(self._take_for(used, (asked[0], classes)))

        return within_budget(used.costs, policy, read, methods, graphs)

    def _read(self, taken: Taken) -> Photograph:
        return open_image(taken, self._megapixels)

    def _stream(
        self, asked: Iterable[tuple[object, object]], methods: Sequence[Method], graphs: OnnxGraphs
    ) -> Generator[list[Answer], None, None]:
        graphs.go_on()
        with closing(self.batches(asked)) as batches:
            for batch in batches:
                yield from explain_batch(graphs, batch, methods)

    def _stream_or_say(
        self, asked: Iterable[tuple[object, object]], methods: Sequence[Method], graphs: OnnxGraphs
    ) -> Generator[list[Answer] | CamError, None, None]:
        graphs.go_on()
        steps = kept(self._take), kept(self._read)
        with closing(in_batches(*steps, asked, self._engine.threads, graphs.batch)) as batches:
            for batch in batches:
                yield from explain_batch_or_say(graphs, batch, methods)

    def _graphs(self, progress: Progress | None, cancel: Cancel | None = None) -> OnnxGraphs:
        if not (progress is None or callable(progress)):
            raise CamError(f"progress is called with (done, all), got {shown(progress)}")
        asked = cancel is None or callable(getattr(cancel, "is_set", None))
        if not asked or isinstance(cancel, type):
            raise CamError(f"cancel has is_set(), as a threading.Event, got {shown(cancel)}")
        return OnnxGraphs(self._engine, self._chunk, progress, cancel)

    def method(self, method: str | Method, options: Mapping[str, object] | None = None) -> Method:
        """The method that a name or spec means, once the bundle is seen to have its graphs.

        Raises:
            MethodError: no such method or option.
            BundleError: the bundle lacks a graph that the method needs.
            CalibrationError: there is a calibration, and not of this method.
        """
        chosen = method_of(method, options)
        for graph in chosen.needs:
            self.bundle.graph(graph)
        if self.calibration is not None and unit_of(chosen) is not None:
            self.calibration.require_method(chosen)
        return chosen


def load(
    path: str | Path,
    providers: Sequence[Provider] | None = None,
    *,
    device_id: int = 0,
    threads: int | None = None,
    chunk: int | None = None,
    capture: bool = False,
    max_megapixels: float = MEGAPIXELS,
    require_signature: str | Path | None = None,
    variant: str | None = None,
    calibration: str | Path | None = None,
) -> Explainer:
    """Open the bundle in directory `path`, or one variant of the model package there.

    Args:
        path: a directory that `camexport build` or `camexport package` wrote.
        providers: execution providers in order of preference: `cuda`, `tensorrt`, `tensorrt-rtx`,
            `openvino`, `webgpu`, `cpu`, a full name of ONNX Runtime's, or a pair of name and
            options. None takes CUDA when it opens, else the CPU; `Explainer.provider` says which.
        device_id: which of the provider's devices, as `camruntime devices` counts them.
        threads: for the CPU, and as many to read images when there are several; None takes one per
            core.
        chunk: perturbed copies, or images, computed at once, the knob for memory; None chooses by
            provider and threads. Where memory runs out it becomes fewer, which a
            `SmallerChunkWarning` says once.
        capture: record runs on the device and repeat them, which saves launching their parts one
            by one; on CUDA and WebGPU. Maps are the same, and memory is kept for each size.
        max_megapixels: larger pictures are refused; files before they are decoded.
        require_signature: PEM file of a public key or of certificates: the bundle has to be signed
            with that key, or with one whose certificate goes back to these. Needs the extra
            `signing`.
        variant: of a model package: `float32`, `fp16` or `int8`. None takes the one that its
            `manifest.json` has for the provider, which is float32 unless whoever wrote the package
            preferred another; the log of `camruntime` says which.
        calibration: file that `camruntime calibrate` wrote of this bundle. Explanations then carry
            `evidence`: what their maps show beyond what good parts show.

    Raises:
        CamError: an option that is a number is out of range; the message says which.
        SignatureError: a signature is required and missing, by another key, or of other files.
        BundleError: not a bundle or package, damaged, of another schema version, or without the
            variant that was named.
        CalibrationError: the calibration is of another bundle, or none.
        ProviderError: a provider that was named does not open, or cannot do what is asked of it.
        MissingDependencyError: ONNX Runtime is not installed, OpenCV does not load, or there is no
            model-signing where it is needed.
    """
    bundle = open_any(path, require_signature, variant)
    keep_freed_memory()
    engine = Engine(bundle, providers, device_id, threads, capture=capture)
    chosen = suited(bundle, engine.provider, require_signature)
    engine = engine if chosen is bundle else engine.renewed(chosen)
    return Explainer(engine, chunk, max_megapixels, require_signature, calibration)


def _say_loaded(what: str, engine: Engine) -> None:
    """In the log; of a model package, which variant it is was said before."""
    manifest = engine.bundle.manifest
    _log.info(
        "%s bundle %s of %s, layer %s, %s, on %s",
        what,
        manifest.digest,
        named(manifest.model),
        named(manifest.layer_names),
        manifest.precision,
        engine.provider,
    )


def _refuse_one(images: object) -> None:
    """Raise `ImageError` for one picture where several are expected: its rows would be pictures."""
    if isinstance(images, np.ndarray) and images.ndim != 4:
        raise ImageError(
            f"expected several images, got one array of shape {images.shape}: use explain, or "
            "list(array) for a stack of grey ones"
        )
    if isinstance(images, (str, Path)):
        path = named(images)
        raise ImageError(f"expected several images, got the one path {path}: use explain")
    if isinstance(images, Pixels) or not isinstance(images, Iterable):
        raise ImageError(f"expected several images, got {shown(images)}: use explain for one")
