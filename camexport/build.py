"""Build a bundle: trace, split, write, publish."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from camexport._assumptions import assumed_fields
from camexport._channel_options import channels_of
from camexport.accuracy import Check, open_pictures
from camexport.bundles import Contents, staged, write_bundle
from camexport.errors import OptionError
from camexport.models import (
    Architecture,
    find_architecture,
    input_channels,
    load_network,
    require_classifier,
    settle_answer,
)
from camexport.onnx_source import OnnxNetwork
from camexport.precision import Calibration, calibration_files, read_calibration, reduce_in_place
from camexport.tracing import Split, default_layer, split_at_each, trace
from camruntime.bundle import (
    Bundle,
    Colour,
    Input,
    Precision,
    ProbabilityKind,
    ResizeMode,
    open_bundle,
)
from camruntime.datasets import Dataset
from camruntime.errors import nearest


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What `camexport build` is told; None leaves a choice to the model.

    Attributes:
        model: a name from `camexport models`, `package.module:callable`, or the path of an `.onnx`
            or `.pt2` file.
        trust: whether code in a `.pt2` file may run.
        arguments: of the callable, pairs of name and text.
        output: which output the logits are, where there are several; of an ONNX file, any tensor.
        probabilities: how logits become probabilities; None finds it out.
        threshold: with `sigmoid`, the probability from which on a class is there; None is 0.5.
        weights: `default`, `random`, or the path of a state dict.
        seed: of random weights.
        layer: module path of the target layer.
        more_layers: others that the network is split at, for `layers/METHOD`; in float32 alone.
        size: input `(H, W)`.
        channels: of the input, where neither a file nor the network tells.
        colour: what three channels are, or one.
        full_scale: the value of white in the pictures.
        shown: which channel is drawn, or which three, of networks that take no colours.
        mean, std: one for all channels or for each, for pixel values in [0, 1].
        resize: how a photograph is brought to that size.
        shorter_side: for `centre-crop`, in pixels.
        labels: file with one label per line, in the order of the logits.
        good: label or index of the class of parts without a defect.
        out: the bundle's directory; None is `exported_models/MODEL`.
        force: replace what is there.
        check: folder of pictures, a folder per class, that accuracy is to be measured on; see
            `Built.check`.
        class_map: with `check`, JSON of which of the network's classes mean one of the folder's.
        gradient: write the gradient graph too, which the Grad-CAM family needs.
        precision: what the graphs compute in.
        calibrate: folder of photographs. `int8` is calibrated on every second one and judged by the
            others; `fp16` is judged by them all, or by noise where there are none.
    """

    model: str
    trust: bool = False
    arguments: tuple[tuple[str, str], ...] = ()
    output: str | None = None
    probabilities: ProbabilityKind | None = None
    threshold: float | None = None
    weights: str = "default"
    seed: int = 0
    layer: str | None = None
    more_layers: tuple[str, ...] = ()
    size: tuple[int, int] | None = None
    channels: int | None = None
    colour: Colour | None = None
    full_scale: int | None = None
    shown: tuple[int, ...] | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    resize: ResizeMode | None = None
    shorter_side: int | None = None
    labels: Path | None = None
    good: str | None = None
    out: Path | None = None
    force: bool = False
    check: Path | None = None
    class_map: Path | None = None
    gradient: bool = True
    precision: Precision = "float32"
    calibrate: Path | None = None


@dataclass(frozen=True)
class Built:
    """A finished bundle, and what was chosen for its options where nothing was said.

    Attributes:
        bundle: the bundle.
        output: the output that was picked from several; None where there is one, or it was named.
        check: what `camexport.accuracy.measure_accuracy` takes, where pictures were given. It is
            not done yet: whatever comes of it, the bundle is there.
    """

    bundle: Bundle
    output: str | None
    check: Check | None = None


def build_bundle(options: BuildOptions) -> Built:
    """Build and write a bundle.

    Raises:
        ExportError: one of its kinds, see `camexport.errors`; nothing is left behind.
        MissingDependencyError: ONNX Runtime is not installed.
    """
    architecture = find_architecture(
        options.model, dict(options.arguments), options.output, options.trust
    )
    _require_one_layer(options)
    calibration_files(options.precision, options.calibrate)  # refused before anything is loaded
    size, channels = architecture.size_for(options.size), _known_channels(architecture, options)
    known = None if channels is None else _prepared(architecture, options, channels)
    given = _read_labels(options.labels)
    if given and options.good is not None:
        _good(options.good, given)  # refused before anything is loaded
    _pictures(options, given or architecture.labels or None)  # likewise
    out = options.out or Path("exported_models") / _short(options.model)
    with staged(out, options.force) as stage:
        network, source = load_network(
            architecture,
            options.weights,
            options.seed,
            size,
            len(given) or None,
            channels,
        )
        spec, calibration = known or _prepared(architecture, options, input_channels(network, size))
        settled = settle_answer(
            network, size, spec.channels, options.probabilities, options.threshold
        )
        program = trace(network, size, spec.channels)
        require_classifier(network, size, spec.channels)
        layer = default_layer(program, network) if options.layer is None else options.layer
        names = (layer, *options.more_layers)
        splits = split_at_each(program, [architecture.path_of(name) for name in names])
        labels = _fitting(given or architecture.labels, splits[0], given)
        pictures = _pictures(options, labels)
        contents = Contents(
            model=options.model,
            arguments=dict(options.arguments),
            output=options.output,
            answer=settled.answer,
            source=source,
            input=spec,
            labels=labels,
            good=None if options.good is None else _good(options.good, labels),
            gradient=options.gradient,
        )
        write_bundle(stage, network, splits, contents)
        if calibration is not None:
            reduce_in_place(stage, calibration)
    bundle = open_bundle(out)
    if pictures is None:
        return Built(bundle, settled.output)
    check = Check(
        bundle=bundle,
        pictures=pictures,
        network=None if isinstance(network, OnnxNetwork) else network,
        published=architecture.published,
    )
    return Built(bundle, settled.output, check)


def _require_one_layer(options: BuildOptions) -> None:
    """Where a lower precision is asked for: whether maps of others are as good, nobody measures."""
    if options.more_layers and options.precision != "float32":
        raise OptionError(
            f"--layer was given several times, which goes with --precision float32 and not "
            f"{options.precision}: name one layer, or leave out --precision"
        )


def _known_channels(architecture: Architecture, options: BuildOptions) -> int | None:
    """As many as are known before weights are chosen; a file has them, so it can be tried."""
    channels = architecture.channels_for(options.channels)
    if channels is None and architecture.is_file:
        return input_channels(architecture.publish(), architecture.size_for(options.size))
    return channels


def _pictures(options: BuildOptions, labels: tuple[str, ...] | None) -> Dataset | None:
    if options.check is None:
        if options.class_map is not None:
            raise OptionError(
                "--class-map goes with --check FOLDER: it says what classes mean there"
            )
        return None
    return open_pictures(options.check, labels, options.class_map)


def _prepared(
    architecture: Architecture, options: BuildOptions, channels: int
) -> tuple[Input, Calibration | None]:
    spec = input_of(architecture, options, channels)
    return spec, read_calibration(options.precision, options.calibrate, spec)


def _short(model: str) -> str:
    """A bundle's name: of `package.module:callable` the callable, of a path its stem."""
    name = model.rpartition(":")[2]
    return Path(name).stem if Path(name).is_file() else name


def input_of(architecture: Architecture, options: BuildOptions, channels: int = 3) -> Input:
    """The architecture's preprocessing, of so many channels, with what `options` say instead.

    Raises:
        OptionError: a size, mean or std that cannot be, or a crop larger than the picture; see also
            `channels_of`.
    """
    known = architecture.input
    size = architecture.size_for(options.size)
    resize = options.resize or known.resize
    shorter = None
    if resize == "centre-crop":
        usual = (known.shorter_side or known.size[0] / 0.875) / min(known.size)
        shorter = options.shorter_side or round(usual * min(size))
        if shorter < max(size):
            raise OptionError(f"--shorter-side {shorter} is below the crop {size[0]}x{size[1]}")
    elif options.shorter_side is not None:
        raise OptionError(f"--shorter-side goes with --resize centre-crop, not {resize}")
    if min(size) < 1:
        raise OptionError(f"expected a size of at least 1x1, got {size}")
    own = channels_of(architecture, options, channels)
    return Input(
        size=size,
        colour=own.colour,
        full_scale=own.full_scale,
        shown=own.shown,
        resize=resize,
        shorter_side=shorter,
        mean=own.mean,
        std=own.std,
        assumed=assumed_fields(architecture, options, own.colour, resize),
    )


def _read_labels(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"cannot read the labels in {path}: {error}") from error
    labels = tuple(line.strip() for line in lines if line.strip())
    if not labels:
        raise OptionError(f"{path} holds no labels: expected one per line")
    return labels


def _fitting(labels: tuple[str, ...], parts: Split, given: tuple[str, ...]) -> tuple[str, ...]:
    """`labels` if there is one per class; numbers if nobody named the classes."""
    if len(labels) == parts.classes:
        return labels
    if given:
        raise OptionError(f"--labels names {len(given)} classes, the network has {parts.classes}")
    return tuple(f"class {index}" for index in range(parts.classes))


def _good(asked: str, labels: tuple[str, ...]) -> int:
    """The class that `--good` names, by label or index."""
    found = [index for index, label in enumerate(labels) if label == asked]
    if not found and asked.isdecimal() and int(asked[:18]) < len(labels):
        found = [int(asked[:18])]
    if len(found) != 1:
        why = nearest(asked, labels) if not found else f"classes {found} share it: give an index"
        raise OptionError(f"--good names no class, got {asked!r:.60}: {why}")
    return found[0]
