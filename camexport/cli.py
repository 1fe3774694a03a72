"""The command line `camexport`: a thin shell over what its commands are named after."""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from camexport import option_texts
from camexport.errors import UnknownModelError
from camruntime.bundle import SCHEMA_VERSION, Parity, manifest_rows
from camruntime.errors import CamError, MissingDependencyError

if TYPE_CHECKING:
    from camexport.build import Built
    from camexport.tracing import Layout

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
_console = Console()

Model = Annotated[
    str,
    typer.Option(
        help="A name from `camexport models`, package.module:callable for your own network, or the "
        "PATH of an .onnx or .pt2 file."
    ),
]
Weights = Annotated[
    str,
    typer.Option(
        help="`default` (the publisher's, downloaded), `random`, or the PATH of a state dict."
    ),
]


Arguments = Annotated[
    list[str] | None, typer.Option("--arg", help="KEY=VALUE for package.module:callable; repeat.")
]
Output = Annotated[
    str | None, typer.Option(help="Which output the logits are; of an ONNX file any tensor.")
]


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"camexport {version('camexport')}, writes bundles of schema {SCHEMA_VERSION}")
        raise typer.Exit


@app.callback()
def camexport(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Image classifiers from PyTorch to bundles of ONNX graphs, split at a target layer."""
    _require("torch", "torchvision", "timm", "onnx", "onnxscript", "safetensors")


@app.command()
def build(
    model: Model,
    arg: Arguments = None,
    output: Output = None,
    weights: Weights = "default",
    seed: Annotated[int, typer.Option(help="Of random weights.")] = 0,
    layer: Annotated[str | None, typer.Option(help="Module path of the target layer.")] = None,
    size: Annotated[str | None, typer.Option(help="Input, N or HxW pixels.")] = None,
    mean: Annotated[str | None, typer.Option(help="One or three numbers, for values 0-1.")] = None,
    std: Annotated[str | None, typer.Option(help="One or three numbers.")] = None,
    resize: Annotated[
        Literal["squash", "centre-crop", "letterbox"] | None,
        typer.Option(help="How a photograph is brought to the input's size."),
    ] = None,
    shorter_side: Annotated[
        int | None, typer.Option(help="Pixels of the shorter side before a centre crop.")
    ] = None,
    labels: Annotated[Path | None, typer.Option(help="File with one label per line.")] = None,
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
) -> None:
    """Export a classifier, split at its target layer, into a bundle of ONNX graphs."""
    from camexport.build import BuildOptions, build_bundle

    options = BuildOptions(
        model=model,
        arguments=option_texts.pairs(arg),
        output=output,
        weights=weights,
        seed=seed,
        layer=layer,
        size=option_texts.size(size),
        mean=option_texts.triple(mean, "--mean"),
        std=option_texts.triple(std, "--std"),
        resize=resize,
        shorter_side=shorter_side,
        labels=labels,
        out=out,
        force=force,
        gradient=not no_gradient,
        precision=precision,
        calibrate=calibrate,
    )
    # No live display here: torchvision draws its own bar while it downloads.
    print(f"building {model}", flush=True)
    _summarise(build_bundle(options), layer is None)


@app.command()
def layers(
    model: Model,
    arg: Arguments = None,
    output: Output = None,
    size: Annotated[str | None, typer.Option(help="Input, N or HxW pixels.")] = None,
) -> None:
    """List the layers that a network can be split at; downloads nothing."""
    from camexport.models import find_architecture
    from camexport.tracing import candidates, trace

    architecture = find_architecture(model, dict(option_texts.pairs(arg)), output)
    network = (architecture.publish() if architecture.is_file else architecture.make(None)).eval()
    program = trace(network, architecture.size_for(option_texts.size(size)))
    # A layer's name has to be copied whole.
    table = Table(
        Column("layer", overflow="fold"), "kind", "activations", "layout", "cut", "default"
    )
    for found in candidates(program, network):
        shape = "x".join(map(str, found.layout.shape))
        marks = (
            _axes(found.layout),
            "yes" if found.cut else "-",
            "default" if found.default else "",
        )
        style = "bold" if found.default else None if found.cut else "dim"
        table.add_row(found.name, found.kind, shape, *marks, style=style)
    _console.print(table)


@app.command()
def models(
    containing: Annotated[
        str, typer.Option("--filter", help="Only names that contain this text.")
    ] = "",
) -> None:
    """List the networks that can be built by name."""
    from camexport.models import known_models

    found = {name: source for name, source in known_models().items() if containing in name}
    if not found:
        raise UnknownModelError(f"no network's name contains '{containing}'")
    for name, source in found.items():
        _console.print(f"{name:50}  {source}", highlight=False, markup=False, soft_wrap=True)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Directory of the bundle.")],
    weights: Annotated[
        Path | None, typer.Option(help="The state dict, where the bundle was built from a file.")
    ] = None,
    provider: Annotated[str | None, typer.Option(help="`cuda`, `cpu`, or in full.")] = None,
) -> None:
    """Compare a bundle with PyTorch again."""
    from camexport.verify import verify_bundle

    with _console.status(f"verifying {bundle}"):
        measured = verify_bundle(bundle, weights, [provider] if provider else None)
    _console.print(_parity_table(measured))


@app.command()
def randomise(
    bundle: Annotated[Path, typer.Argument(help="Directory of the trained network's bundle.")],
    out: Annotated[Path, typer.Option(help="Directory for the bundles 1, 2, ... of the stages.")],
    stages: Annotated[int, typer.Option(help="In how many steps all layers are randomised.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the randomised weights.")] = 0,
    weights: Annotated[
        Path | None, typer.Option(help="The state dict, where the bundle was built from a file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Randomise a network from its logits backwards, for `camruntime sanity`."""
    from camexport.randomise import RandomiseOptions, randomise_bundle

    options = RandomiseOptions(
        bundle=bundle, out=out, stages=stages, seed=seed, weights=weights, force=force
    )
    with _console.status(f"randomising {escape(str(bundle))}"):
        made = randomise_bundle(options)
    for stage in made:
        text = f"{stage.folder}  {stage.manifest.source.name}"
        _console.print(text, markup=False, highlight=False, soft_wrap=True)


@app.command()
def edges(
    weights: Annotated[Path, typer.Option(help="HED's state dict, of either weight family.")],
    out: Annotated[Path, typer.Option(help="Directory, such as a bundle, for edges.onnx.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Build HED, the edge model that Feature CAM uses, as edges.onnx and edges.json."""
    from camexport.edge_model import build_edges

    model = build_edges(weights, out, force)
    _console.print(f"{out / model.file}  {escape(model.name)}", highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line; errors of ours end it with one line and status 1."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, so that nothing is left
    try:
        app()
    except CamError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


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
        "input": f"{spec.size[0]}x{spec.size[1]} {spec.resize}, mean {spec.mean}, std {spec.std}"
        + (f" (assumed: say {', '.join(built.assumed)})" if built.assumed else ""),
        "classes": known["classes"],
        "size": known["size"],
        "parity": f"{worst.relative:.1e} of the range at worst ({worst.part})",
        "gradient": _gradient_parity(manifest.parity),
    }
    for name, value in (rows | known | rows).items():  # what else is known comes last
        _console.print(f"[bold]{name:>13}[/]  {escape(value)}", highlight=False, soft_wrap=True)


def _axes(layout: Layout) -> str:
    """What is not usual about a layout."""
    beside = f", {layout.tokens} beside" if layout.tokens else ""
    return "" if layout.axes == "channels-first" else layout.axes + beside


def _gradient_parity(measured: tuple[Parity, ...]) -> str:
    gradients = [parity for parity in measured if parity.of_gradient]
    if not gradients:
        return "left out (--no-gradient)"
    worst = max(gradients, key=lambda parity: parity.relative)
    return f"{worst.relative:.1e} from float64 at worst, PyTorch's float32 {worst.float32:.1e}"


def _require(*packages: str) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise MissingDependencyError(
            f"building needs {', '.join(missing)}: `pip install 'camexport[export,cpu]'`"
        )


def _parity_table(measured: tuple[Parity, ...]) -> Table:
    table = Table("part", "batch", "largest difference", "relative", "PyTorch's float32")
    for parity in measured:
        table.add_row(
            parity.part,
            str(parity.batch),
            f"{parity.absolute:.2e}",
            f"{parity.relative:.2e}",
            "" if parity.float32 is None else f"{parity.float32:.2e}",
        )
    return table
