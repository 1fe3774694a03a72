"""`camruntime bench`: where the time of an explanation goes."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.table import Column, Table

from camruntime._opencv import cv2
from camruntime.bundle import EIGHT_BITS, Input
from camruntime.cli.common import (
    BundlePath,
    Computing,
    class_asked_for,
    computes,
    console,
    in_words,
    say,
)
from camruntime.errors import CamError
from camruntime.methods import spec_of
from camruntime.pictures import encode_png

if TYPE_CHECKING:
    from camruntime.bench import FirstMap, Timings
    from camruntime.bundle import Bundle
    from camruntime.engine import Engine, Instruments


@computes
def bench(
    bundle: BundlePath,
    image: Annotated[
        Path | None, typer.Argument(help="A photograph; default a drawn one of the input's size.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="NAME[:option=value...]; see `camruntime methods`.")
    ] = "recipro-cam",
    target: Annotated[
        str | None, typer.Option(help="Class index or label; default the top class.")
    ] = None,
    repeat: Annotated[int, typer.Option(min=1, help="Explanations that are timed.")] = 5,
    profile: Annotated[
        Path | None,
        typer.Option(help="Directory for ONNX Runtime's profiles of one explanation more."),
    ] = None,
    *,
    computing: Computing,
) -> None:
    """Show where the time of an explanation goes, beside one forward pass of the network."""
    from camruntime.bench import first_map, measure
    from camruntime.engine import GraphRun, Instruments
    from camruntime.explainer import Explainer
    from camruntime.pictures import as_picture, prepare

    opened, wanted = computing.load(bundle).bundle, class_asked_for(target)
    runs: list[GraphRun] = []
    watched = _engine(opened, computing, Instruments(observer=runs.append))
    explainer = Explainer(watched, computing.chunk, computing.max_megapixels)
    chosen, spec = explainer.method(method), opened.manifest.input
    with tempfile.TemporaryDirectory() as folder, console.status("measuring"):
        photo = image or _drawn(spec, Path(folder))
        pixels, graphs = (
            prepare(as_picture(photo, spec, computing.max_megapixels), spec),
            explainer.graphs(),
        )
        measured = measure(
            lambda: explainer.explain(photo, chosen, wanted),
            lambda: graphs.forward(pixels),
            runs,
            repeat,
        )
        fresh = first_map(bundle, photo, method, computing.providers, computing.options())
        peak = peak_memory()
        if profile is not None:
            _make(profile)
            profiled = _engine(opened, computing, Instruments(profile=profile))
            told = Explainer(profiled, computing.chunk, computing.max_megapixels)
            told.explain(photo, chosen, wanted)
    console.print(breakdown_table(measured, spec_of(chosen)))
    _say_more(measured, fresh, peak)
    if watched.backend.kind.own_memory:
        say("the device computes while the host goes on: the rest holds the wait for its results")
    say(
        f"on {in_words(explainer)}, threads {computing.threads or 'one per core'}, "
        f"chunk {computing.chunk or 'by provider'}, {opened.manifest.model}"
    )
    if profile is not None:
        _say_profiles(profiled)


def _engine(bundle: Bundle, computing: Computing, instruments: Instruments) -> Engine:
    from camruntime.engine import Engine

    return Engine(
        bundle,
        computing.providers,
        computing.device_id,
        computing.threads,
        instruments,
        capture=computing.capture,
    )


def breakdown_table(measured: Timings, method: str) -> Table:
    """The parts of the median explanation, as a table whose last line is their sum."""
    typical = measured.typical
    title = f"{method}: the median of {len(measured.explanations)} explanations"
    right = [Column(name, justify="right") for name in ("seconds", "share", "runs")]
    table = Table("part", *right, "runs x rows", title=title)
    for part in typical.parts():
        runs = str(len(part.rows)) if part.rows else ""
        share = f"{part.seconds / typical.seconds:.1%}"
        table.add_row(part.name, f"{part.seconds:.4f}", share, runs, part.rows_in_words)
    table.add_section()
    table.add_row("all", f"{typical.seconds:.4f}", "100.0%")
    return table


def peak_memory() -> int | None:
    """The most memory that this process has held, in bytes; None where nothing counts it."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _say_more(measured: Timings, fresh: FirstMap, peak: int | None) -> None:
    whole, forward = measured.typical.seconds, measured.forward
    times = [one.seconds for one in measured.explanations]
    say(f"all: {min(times):.4f} to {max(times):.4f} s over the repeats")
    say(f"plain forward pass: {forward:.4f} s; the explanation is {whole / forward:.2f} of them")
    say(
        f"first map of a fresh process: {fresh.whole:.2f} s, of which import {fresh.imported:.2f}, "
        f"load {fresh.loaded:.2f}, explanation {fresh.explained:.2f}"
    )
    memory = "not available" if peak is None else f"{peak / 2**20:.0f} MiB"
    say(f"peak resident memory: {memory}")


def _say_profiles(engine: Engine) -> None:
    files = engine.end_profiling()
    say("profiles, for chrome://tracing or Perfetto:", *files)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CamError(
            f"cannot make {folder}: {error.strerror or error}; name another --profile"
        ) from error


def _drawn(spec: Input, folder: Path) -> Path:
    """A seeded picture of the input's size with structure at several scales, as a file."""
    rng = np.random.default_rng(0)
    usual = spec.channels in (1, 3) and spec.full_scale == EIGHT_BITS
    channels = 3 if usual else spec.channels
    planes = [
        0.5 * layers[0] + 0.3 * layers[1] + 0.2 * layers[2]
        for layers in (
            [cv2.resize(rng.random((n, n)), spec.size[::-1]) for n in (3, 9, 40)]
            for _ in range(channels)
        )
    ]
    picture = np.stack(planes, -1) * spec.full_scale
    if usual:
        path = folder / "drawn.png"
        path.write_bytes(encode_png(np.asarray(picture, np.uint8)))
    else:
        path = folder / "drawn.npy"
        np.save(path, picture.astype(np.uint8 if spec.full_scale == EIGHT_BITS else np.uint16))
    return path
