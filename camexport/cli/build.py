"""`camexport build`: its options, and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from camexport.cli import option_texts
from camexport.cli.check import check_and_say
from camexport.cli.common import Arguments, Channels, Model, Output, Trust, say, say_rows, warn
from camruntime.bundle import Input, Parity, manifest_rows, warned

if TYPE_CHECKING:
    from camexport.build import Built

Weights = Annotated[
    str,
    typer.Option(
        help="`default` (the publisher's, downloaded), `random`, or the PATH of a state dict, also "
        "inside a checkpoint of a training."
    ),
]


def build(
    model: Model,
    trust: Trust = False,
    arg: Arguments = None,
    output: Output = None,
    probabilities: Annotated[
        Literal["softmax", "sigmoid", "none"] | None,
        typer.Option(
            help="How logits become probabilities: softmax over classes, sigmoid of each by "
            "itself, or none: the answer as it is. Found out where a final one shows."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="With sigmoid: a class is there from it on; default 0.5.")
    ] = None,
    weights: Weights = "default",
    seed: Annotated[int, typer.Option(help="Of random weights.")] = 0,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help="Module path of the target layer; repeat for more, which `layers/METHOD` looks at."
        ),
    ] = None,
    size: Annotated[str | None, typer.Option(help="Input, N or HxW pixels.")] = None,
    mean: Annotated[
        str | None, typer.Option(help="One number or one for each channel, for values 0-1.")
    ] = None,
    std: Annotated[str | None, typer.Option(help="Likewise.")] = None,
    channels: Channels = None,
    colour: Annotated[
        Literal["rgb", "bgr", "grey"] | None,
        typer.Option(help="What the network's channels are; pictures are given as RGB."),
    ] = None,
    full_scale: Annotated[
        int | None,
        typer.Option(help="The value of white in pictures: 255, of a 12-bit camera 4095."),
    ] = None,
    show_channels: Annotated[
        str | None,
        typer.Option(help="Of 2 or more than 3 channels: which one, or three, are drawn, from 0."),
    ] = None,
    resize: Annotated[
        Literal["squash", "centre-crop", "letterbox"] | None,
        typer.Option(help="How a photograph is brought to the input's size."),
    ] = None,
    shorter_side: Annotated[
        int | None, typer.Option(help="Pixels of the shorter side before a centre crop.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="File with one label per line.")] = None,
    good: Annotated[
        str | None,
        typer.Option(help="Label or index of the class of parts without a defect: `not good`."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Default: exported_models/MODEL.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing bundle.")] = False,
    no_gradient: Annotated[
        bool, typer.Option("--no-gradient", help="Leave out what the Grad-CAM family needs.")
    ] = False,
    precision: Annotated[
        Literal["float32", "fp16", "int8"],
        typer.Option(help="What the graphs compute in; maps that change too much fail the build."),
    ] = "float32",
    calibrate: Annotated[
        Path | None,
        typer.Option(
            help="Folder of photographs that a lower precision is fitted to and judged by."
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            help="Folder of pictures, a folder per class: measures accuracy, beside PyTorch's."
        ),
    ] = None,
    class_map: Annotated[
        Path | None,
        typer.Option(help="For --check: JSON {folder: [classes of the network that mean it]}."),
    ] = None,
) -> None:
    """Export a classifier, split at its target layer, into a bundle of ONNX graphs."""
    from camexport.build import BuildOptions, build_bundle

    options = BuildOptions(
        model=model,
        trust=trust,
        arguments=option_texts.pairs(arg),
        output=output,
        probabilities=probabilities,
        threshold=threshold,
        weights=weights,
        seed=seed,
        layer=layer[0] if layer else None,
        more_layers=tuple(layer[1:]) if layer else (),
        size=option_texts.size(size),
        channels=channels,
        colour=option_texts.colour(colour),
        full_scale=full_scale,
        shown=option_texts.indices(show_channels, "--show-channels"),
        mean=option_texts.numbers(mean, "--mean"),
        std=option_texts.numbers(std, "--std"),
        resize=resize,
        shorter_side=shorter_side,
        labels=labels,
        good=good,
        out=out,
        force=force,
        gradient=not no_gradient,
        precision=precision,
        calibrate=calibrate,
        check=check,
        class_map=class_map,
    )
    # No live display here: torchvision draws its own bar while it downloads.
    say(f"building {model}")
    built = build_bundle(options)
    _summarise(built, not layer)
    if built.check is not None:
        check_and_say(built.check)
    _warn_of_assumed(built.bundle.manifest.input, built.check is not None)


def _summarise(built: Built, chosen: bool) -> None:
    manifest = built.bundle.manifest
    forward = [parity for parity in manifest.parity if not parity.of_gradient]
    worst = max(forward, key=lambda parity: parity.relative)
    spec, known = manifest.input, manifest_rows(manifest)
    rows = {
        "bundle": str(built.bundle.folder),
        "weights": known["weights"],
        "target layer": known["target layer"]
        + (" (chosen; see `camexport layers`)" if chosen else ""),
        "input": f"{spec.size[0]}x{spec.size[1]} {spec.words()}, {spec.resize}, "
        f"mean {spec.mean}, std {spec.std}",
        "classes": known["classes"],
        "probabilities": known["probabilities"]
        + (f", of output '{built.output}'" if built.output else ""),
        "size": known["size"],
        "parity": f"{worst.relative:.1e} of the range at worst ({worst.part})",
        "gradient": _gradient_parity(manifest.parity),
    }
    say_rows(rows | known | rows, warned(manifest))  # what else is known comes last


def _warn_of_assumed(spec: Input, checked: bool) -> None:
    """The last that it prints: options that would have told what a build had to assume."""
    options = ", ".join(f"--{name.replace('_', '-')}" for name in spec.unnoticed)
    if options:
        tell = "" if checked else "; --check FOLDER, with a folder per class, measures accuracy"
        warn(
            f"preprocessing that differs from training costs accuracy, and nobody said {options}"
            f"{tell}"
        )


def _gradient_parity(measured: tuple[Parity, ...]) -> str:
    gradients = [parity for parity in measured if parity.of_gradient]
    if not gradients:
        return "left out (--no-gradient)"
    worst = max(gradients, key=lambda parity: parity.relative)
    return f"{worst.relative:.1e} from float64 at worst, PyTorch's float32 {worst.float32:.1e}"
