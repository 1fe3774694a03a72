"""The command line `camruntime`: larger commands have files of their own."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.padding import Padding
from rich.text import Text

from camruntime._version import version as installed
from camruntime.bundle import (
    SCHEMA_VERSION,
    is_package,
    manifest_rows,
    open_any,
    open_package,
    package_rows,
    warned,
)
from camruntime.cli.bench import bench
from camruntime.cli.calibrate import calibrate
from camruntime.cli.common import (
    BundlePath,
    RequireSignature,
    VariantName,
    console,
    say,
    say_rows,
)
from camruntime.cli.compare import compare
from camruntime.cli.devices import devices
from camruntime.cli.drift import drift
from camruntime.cli.evaluate import evaluate
from camruntime.cli.explain import explain
from camruntime.cli.replay import replay
from camruntime.cli.sanity import sanity
from camruntime.ending import Traceback
from camruntime.methods import HELPERS, METHODS, NAMED, choices

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(explain)
app.command()(calibrate)
app.command()(drift)
app.command()(evaluate)
app.command()(compare)
app.command()(sanity)
app.command()(replay)
app.command()(bench)
app.command()(devices)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"camruntime {installed()}, reads bundles of schema {SCHEMA_VERSION}")
        raise typer.Exit


@app.callback()
def camruntime(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
        ),
    ] = False,
    traceback: Traceback = False,
) -> None:
    """Saliency maps for bundles of ONNX graphs, with ONNX Runtime."""


@app.command()
def methods() -> None:
    """List the saliency methods and their options."""
    for name, kind in METHODS.items():
        _list(name, _summary(kind), kind)
        for short, (whose, options) in NAMED.items():
            if whose == name:
                spec = ":".join([name, *(f"{key}={value}" for key, value in options.items())])
                _indented(f"{short}  is {spec}", 4)

    console.print("\nAround any method, as in smooth:samples=8/recipro-cam:\n", highlight=False)
    for name, kind in HELPERS.items():
        _list(f"{name}/", _summary(kind), kind)


def _summary(kind: type) -> str:
    """The first line of its file."""
    return (sys.modules[kind.__module__].__doc__ or "").partition("\n")[0]


@app.command()
def metrics() -> None:
    """List the metrics of `evaluate` and `compare`, and their options."""
    from camruntime.metrics import METRICS

    for name, kind in METRICS.items():
        better = "" if kind.info.better == "neither" else f"; {kind.info.better} is better"
        _list(name, f"{kind.info.category}: {kind.info.description}{better}", kind)


def _list(name: str, summary: str, kind: type) -> None:
    """A name, what it is, and its options with their defaults, in as many columns as there are."""
    console.print(name, style="bold", highlight=False)
    _indented(summary, 2, "dim")
    for option, (default, values) in choices(kind).items():
        _indented(f"{option}={default}  ({values})", 4)


def _indented(text: str, columns: int, style: str = "") -> None:
    console.print(Padding(Text(text, style), (0, 0, 0, columns)), highlight=False)


@app.command()
def info(
    bundle: BundlePath, require_signature: RequireSignature = None, variant: VariantName = None
) -> None:
    """Show what a bundle holds, after checking its files and, if asked to, its signature.

    Of a model package also which variants there are.
    """
    manifest = open_any(bundle, require_signature, variant).manifest
    variants = package_rows(open_package(bundle)) if is_package(bundle) else {}
    worst = max((parity.relative for parity in manifest.parity), default=float("nan"))
    spec, known = manifest.input, manifest_rows(manifest)
    rows = {
        "model": manifest.model,
        "weights": f"{known['weights']}, SHA-256 {manifest.source.digest[:16]}",
        "target layer": known["target layer"],
        "input": f"{spec.size[0]}x{spec.size[1]} {spec.words()}, {spec.resize}",
        "normalisation": f"mean {spec.mean}, std {spec.std}",
        "classes": f"{known['classes']}: {', '.join(manifest.labels[:8])}"
        + (" …" if manifest.classes > 8 else ""),
        "probabilities": known["probabilities"],
        "graphs": ", ".join(graph.file for graph in manifest.graphs.values()),
        "size": f"{known['size']}, opset {manifest.opset}",
        "parity": f"within {worst:.1e} of PyTorch's range when it was built"
        + ("" if manifest.precision == "float32" else ", in float32"),
        "precision": known["precision"],
        "built with": ", ".join(f"{tool} {version}" for tool, version in manifest.tools.items()),
    }
    # What else is known comes last.
    say_rows(rows | known | rows | variants, warned(manifest))
