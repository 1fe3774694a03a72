"""The command line `camexport`: a thin shell over what its commands are named after.

`build`, whose options are many, and `package` have files of their own.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from camexport.cli import option_texts
from camexport.cli.build import build
from camexport.cli.common import (
    Arguments,
    Channels,
    Model,
    Output,
    StateDict,
    Trust,
    TrustBundle,
    console,
    say,
)
from camexport.cli.package import package
from camexport.errors import UnknownModelError
from camruntime._version import version as installed
from camruntime.bundle import SCHEMA_VERSION, Parity
from camruntime.ending import Traceback
from camruntime.errors import MissingDependencyError

if TYPE_CHECKING:
    from camexport.tracing import Layout

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(build)
app.command()(package)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"camexport {installed()}, writes bundles of schema {SCHEMA_VERSION}")
        raise typer.Exit


@app.callback()
def camexport(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
        ),
    ] = False,
    traceback: Traceback = False,
) -> None:
    """Image classifiers from PyTorch to bundles of ONNX graphs, split at a target layer."""
    if context.invoked_subcommand != "sign":
        _require("torch", "torchvision", "timm", "onnx", "onnxscript", "safetensors")


@app.command()
def layers(
    model: Model,
    arg: Arguments = None,
    output: Output = None,
    size: Annotated[str | None, typer.Option(help="Input, N or HxW pixels.")] = None,
    channels: Channels = None,
    trust: Trust = False,
) -> None:
    """List the layers that a network can be split at; downloads nothing."""
    from camexport.models import find_architecture, input_channels, settle_answer
    from camexport.tracing import candidates, trace

    architecture = find_architecture(model, dict(option_texts.pairs(arg)), output, trust)
    network = (architecture.publish() if architecture.is_file else architecture.make(None)).eval()
    taken = architecture.size_for(option_texts.size(size))
    count = architecture.channels_for(channels) or input_channels(network, taken)
    if architecture.compare:
        architecture.compare(network, taken, count)
    settle_answer(network, taken, count, "none")
    program = trace(network, taken, count)
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
    console.print(table)


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
        say(f"{name:50}  {source}")


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(help="Directory of the bundle.")],
    weights: StateDict = None,
    provider: Annotated[str | None, typer.Option(help="`cuda`, `cpu`, or in full.")] = None,
    trust: TrustBundle = False,
) -> None:
    """Compare a bundle with PyTorch again."""
    from camexport.verify import verify_bundle

    with console.status(f"verifying {escape(str(bundle))}"):
        measured = verify_bundle(bundle, weights, [provider] if provider else None, trust)
    console.print(_parity_table(measured))


@app.command()
def randomise(
    bundle: Annotated[Path, typer.Argument(help="Directory of the trained network's bundle.")],
    out: Annotated[Path, typer.Option(help="Directory for the bundles 1, 2, ... of the stages.")],
    stages: Annotated[int, typer.Option(help="In how many steps all layers are randomised.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the randomised weights.")] = 0,
    weights: StateDict = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    trust: TrustBundle = False,
) -> None:
    """Randomise a network from its logits backwards, for `camruntime sanity`."""
    from camexport.randomise import RandomiseOptions, randomise_bundle

    options = RandomiseOptions(
        bundle=bundle,
        out=out,
        stages=stages,
        seed=seed,
        weights=weights,
        force=force,
        trust=trust,
    )
    with console.status(f"randomising {escape(str(bundle))}"):
        made = randomise_bundle(options)
    for stage in made:
        say(f"{stage.folder}  {stage.manifest.source.name}")


@app.command()
def sign(
    bundle: Annotated[Path, typer.Argument(help="Directory of the bundle.")],
    key: Annotated[Path, typer.Option(help="PEM of your private key, P-256, P-384 or P-521.")],
    certificate: Annotated[Path | None, typer.Option(help="PEM of the key's certificate.")] = None,
    chain: Annotated[
        list[Path] | None, typer.Option(help="PEM of certificates between it and the root; repeat.")
    ] = None,
) -> None:
    """Sign a bundle, for `camruntime.load(path, require_signature=PUBLIC_KEY)`."""
    from camexport.signing import sign_bundle

    console.print(str(sign_bundle(bundle, key, certificate, chain or ())), soft_wrap=True)


@app.command()
def edges(
    weights: Annotated[Path, typer.Option(help="HED's state dict, of either weight family.")],
    out: Annotated[Path, typer.Option(help="Directory, such as a bundle, for edges.onnx.")],
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Build HED, the edge model that Feature CAM uses, as edges.onnx and edges.json."""
    from camexport.edge_model import build_edges

    model = build_edges(weights, out, force)
    say(f"{out / model.file}  {model.name}")


def _axes(layout: Layout) -> str:
    """What is not usual about a layout."""
    beside = f", {layout.tokens} beside" if layout.tokens else ""
    return "" if layout.axes == "channels-first" else layout.axes + beside


def _require(*packages: str) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise MissingDependencyError(
            f"building needs {', '.join(missing)}: `pip install 'camexport[export,cpu]'`"
        )


def _parity_table(measured: tuple[Parity, ...]) -> Table:
    several = len({parity.layer for parity in measured}) > 1
    layer = [Column("layer", overflow="fold")] if several else []
    table = Table(*layer, "part", "batch", "largest difference", "relative", "PyTorch's float32")
    for parity in measured:
        table.add_row(
            *((parity.layer,) if several else ()),
            parity.part,
            str(parity.batch),
            f"{parity.absolute:.2e}",
            f"{parity.relative:.2e}",
            "" if parity.float32 is None else f"{parity.float32:.2e}",
        )
    return table
