"""The command line `camruntime`: a thin shell over `load` and `Explainer.explain`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from camruntime.bench_command import bench
from camruntime.bundle import open_bundle
from camruntime.command_line import (
    BundlePath,
    Chunk,
    ProviderName,
    ProviderOptions,
    Threads,
    class_asked_for,
    console,
    providers_asked_for,
    say,
)
from camruntime.compare_command import compare
from camruntime.errors import CamError
from camruntime.evaluate_command import evaluate
from camruntime.explanation import Explanation
from camruntime.maps import Approximation
from camruntime.methods import METHODS, choices, make_method, spec_of
from camruntime.overlay import contact_sheet
from camruntime.picture import encode_png
from camruntime.sanity_command import sanity

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
app.command()(evaluate)
app.command()(compare)
app.command()(sanity)
app.command()(bench)


@app.command()
def explain(
    bundle: BundlePath,
    images: Annotated[list[Path], typer.Argument(help="Photographs.")],
    method: Annotated[
        str, typer.Option(help="NAME[:option=value...][,NAME...]; see `camruntime methods`.")
    ] = "recipro-cam",
    target: Annotated[
        str | None, typer.Option(help="Class index or label; default each image's top class.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Where the pictures go.")] = Path("explanations"),
    provider: ProviderName = None,
    provider_option: ProviderOptions = None,
    device_id: Annotated[int, typer.Option(help="Which GPU.")] = 0,
    threads: Threads = None,
    chunk: Chunk = None,
    explanation_map: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=100,
            help="Write .explanation.png too: only pixels above this percentile of saliency; "
            "Feature CAM's paper takes 20.",
        ),
    ] = None,
) -> None:
    """Write, per image and method, an overlay PNG, the raw map as .npy and a JSON with figures."""
    from camruntime.explainer import load

    methods = [make_method(spec) for spec in method.split(",")]
    explainer = load(
        bundle,
        providers_asked_for(provider, provider_option),
        device_id=device_id,
        threads=threads,
        chunk=chunk,
    )
    wanted = class_asked_for(target)
    say(f"computing on {explainer.provider}")
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("explaining", total=len(images) * len(methods))
        for done, (image, stem) in enumerate(zip(images, _stems(images), strict=True)):
            made = []
            for index, chosen in enumerate(methods):
                before = done * len(methods) + index
                bar.update(task, description=escape(f"{stem} {spec_of(chosen)}"), completed=before)
                made.append(
                    explainer.explain(
                        image,
                        chosen,
                        wanted,
                        progress=lambda part, whole, before=before: bar.update(
                            task, completed=before + part / whole
                        ),
                    )
                )
            _save(made, out, stem, explanation_map)


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
    spec = manifest.input
    rows = {
        "model": manifest.model,
        "weights": f"{manifest.source.name}, SHA-256 {manifest.source.digest[:16]}",
        "target layer": f"{manifest.layer.name} {manifest.layer.shape}",
        "input": f"{spec.size[0]}x{spec.size[1]} {spec.colour}, {spec.resize}",
        "normalisation": f"mean {spec.mean}, std {spec.std}",
        "classes": f"{manifest.classes}: {', '.join(manifest.labels[:8])}"
        + (" …" if manifest.classes > 8 else ""),
        "graphs": ", ".join(graph.file for graph in manifest.graphs.values()),
        "size": f"{manifest.weights.bytes / 1e6:.1f} MB of weights, opset {manifest.opset}",
        "parity": f"within {worst:.1e} of PyTorch's range when it was built",
        "built with": ", ".join(f"{tool} {version}" for tool, version in manifest.tools.items()),
    }
    for name, value in rows.items():
        console.print(f"[bold]{name:>13}[/]  {escape(value)}", highlight=False, soft_wrap=True)


def main() -> None:
    """Run the command line; errors of ours end it with one line and status 1."""
    try:
        app()
    except CamError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _stems(images: list[Path]) -> Iterator[str]:
    """File names without their endings, numbered where two images share one."""
    seen: dict[str, int] = {}
    for image in images:
        seen[image.stem] = seen.get(image.stem, 0) + 1
        yield image.stem if seen[image.stem] == 1 else f"{image.stem}-{seen[image.stem]}"


def _save(made: list[Explanation], out: Path, stem: str, percentile: float | None) -> None:
    for explanation in made:
        slug = re.sub(r"[^\w.+-]+", "_", spec_of(explanation.method))
        name = f"{stem}.{slug}"
        picture, _, _ = explanation.save(out, name)
        if percentile is not None:
            shown = explanation.explanation_map(percentile)
            (out / f"{name}.explanation.png").write_bytes(encode_png(shown))
        note = "  no evidence" if explanation.no_evidence else ""
        note += f"  edges by {explanation.edges}" if explanation.edges else ""
        note += f"  {_nearness(explanation.approximation)}" if explanation.approximation else ""
        if explanation.components is not None:
            row = out / f"{name}.components.png"
            row.write_bytes(encode_png(explanation.component_sheet()))
        say(f"{picture}  {_verdict(explanation)}{note}")
    if len(made) > 1:
        photo = f"{stem}\npredicted {made[0].predicted.label}"
        tiles = [(photo, made[0].photo)]
        tiles += [(f"{spec_of(one.method)}\n{_verdict(one)}", one.overlay()) for one in made]
        sheet = out / f"{stem}.sheet.png"
        sheet.write_bytes(encode_png(contact_sheet(tiles, columns=4)))
        say(str(sheet))


def _nearness(found: Approximation) -> str:
    return (
        f"{found.evaluated} of {found.channels} channels, correlation with the exact map "
        f"about {found.correlation:.3f}, at least {found.correlation_bound:.3f}"
    )


def _verdict(explanation: Explanation) -> str:
    return f"{explanation.target.label} {explanation.target.probability:.3f}"
