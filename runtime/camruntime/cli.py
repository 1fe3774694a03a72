"""The command line `camruntime`: larger commands have files of their own."""

from __future__ import annotations

import sys

import typer
from rich.markup import escape
from rich.table import Table

from camruntime.bench_command import bench
from camruntime.bundle import manifest_rows, open_bundle
from camruntime.command_line import BundlePath, console
from camruntime.compare_command import compare
from camruntime.errors import CamError
from camruntime.evaluate_command import evaluate
from camruntime.explain_command import explain
from camruntime.methods import METHODS, choices
from camruntime.sanity_command import sanity

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(explain)
app.command()(evaluate)
app.command()(compare)
app.command()(sanity)
app.command()(bench)


@app.command()
def methods() -> None:
    """List the saliency methods and their options."""
    table = Table("method", "option", "default", "values")
    for name, kind in METHODS.items():
        summary = (sys.modules[kind.__module__].__doc__ or "").partition("\n")[0]
        table.add_row(f"[bold]{name}[/]", end_section=False)
        for option, (default, values) in choices(kind).items():
            table.add_row("", option, default, values)
        table.add_row(f"[dim]{summary}[/]", end_section=True)
    console.print(table)


@app.command()
def metrics() -> None:
    """List the metrics of `evaluate` and `compare`, and their options."""
    from camruntime.metrics import METRICS

    table = Table("metric", "option", "default", "values")
    for name, kind in METRICS.items():
        table.add_row(f"[bold]{name}[/]", end_section=False)
        for option, (default, values) in choices(kind).items():
            table.add_row("", option, default, values)
        arrow = {"higher": "higher is better", "lower": "lower is better", "neither": ""}
        table.add_row(f"[dim]{kind.info.description}[/]", "", "", arrow[kind.info.better])
        table.add_section()
    console.print(table)


@app.command()
def info(bundle: BundlePath) -> None:
    """Show what a bundle holds, after checking its files."""
    manifest = open_bundle(bundle).manifest
    worst = max((parity.relative for parity in manifest.parity), default=float("nan"))
    spec, known = manifest.input, manifest_rows(manifest)
    rows = {
        "model": manifest.model,
        "weights": f"{known['weights']}, SHA-256 {manifest.source.digest[:16]}",
        "target layer": known["target layer"],
        "input": f"{spec.size[0]}x{spec.size[1]} {spec.colour}, {spec.resize}",
        "normalisation": f"mean {spec.mean}, std {spec.std}",
        "classes": f"{known['classes']}: {', '.join(manifest.labels[:8])}"
        + (" …" if manifest.classes > 8 else ""),
        "graphs": ", ".join(graph.file for graph in manifest.graphs.values()),
        "size": f"{known['size']}, opset {manifest.opset}",
        "parity": f"within {worst:.1e} of PyTorch's range when it was built"
        + ("" if manifest.precision == "float32" else ", in float32"),
        "precision": known["precision"],
        "built with": ", ".join(f"{tool} {version}" for tool, version in manifest.tools.items()),
    }
    for name, value in (rows | known | rows).items():  # what else is known comes last
        console.print(f"[bold]{name:>13}[/]  {escape(value)}", highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line; errors of ours end it with one line and status 1."""
    try:
        app()
    except CamError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
