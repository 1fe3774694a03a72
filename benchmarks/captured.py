"""Runs that are recorded and repeated: launches that they save, and time.

    python benchmarks/captured.py BUNDLE PICTURE --provider cuda [--methods ...] [--rounds 5]

A launch is a node of a graph that ONNX Runtime computes, as its own profile tells: of an
explanation after two others, so that everything that is recorded is recorded. A recorded run has
none. Seconds are medians over rounds in which the plain and the recording explainer take turns.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from camruntime import Explainer
from camruntime.bundle import Bundle, open_bundle
from camruntime.engine import Engine, Instruments
from camruntime.pictures import Picture, as_picture

METHODS = ("recipro-cam", "grad-cam", "decom-cam", "score-cam")
WARM = 2


def explainer(bundle: Bundle, provider: str, capture: bool, profile: Path | None) -> Explainer:
    told = Instruments(profile=profile)
    return Explainer(Engine(bundle, [provider], instruments=told, capture=capture))


def launches(bundle: Bundle, provider: str, capture: bool, picture: Picture, method: str) -> int:
    """Of the explanation after the warm ones: those of all, less those of one that stops there."""

    def of(explanations: int) -> int:
        with TemporaryDirectory() as folder:
            made = explainer(bundle, provider, capture, Path(folder))
            for _ in range(explanations):
                made.explain(picture, method)
            files = made._engine.end_profiling()
            events = [event for file in files for event in json.loads(file.read_text())]
        return sum(event["name"].endswith("_kernel_time") for event in events)

    return of(WARM + 1) - of(WARM)


def seconds(
    explainers: tuple[Explainer, Explainer], picture: Picture, method: str, rounds: int
) -> tuple[list[float], list[float], float]:
    """Both explainers' times, and how far their maps are apart, over the plain map's range."""
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(WARM + rounds):
        raw = []
        for one, list_ in zip(explainers, times, strict=True):
            start = perf_counter()
            raw.append(one.explain(picture, method).raw)
            if turn >= WARM:
                list_.append(perf_counter() - start)
    apart = np.abs(raw[0] - raw[1]).max() / np.ptp(raw[0])
    return *times, float(apart)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--provider", required=True)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    bundle, picture = open_bundle(given.bundle), as_picture(given.picture)
    both = (
        explainer(bundle, given.provider, False, None),
        explainer(bundle, given.provider, True, None),
    )
    columns = "launches", "recorded", "seconds", "recorded", "speed", "maps differ"
    title = f"{bundle.manifest.model} on {both[0].provider}"
    table = Table("method", *columns, title=title)
    for method in given.methods:
        plain, recorded = (
            launches(bundle, given.provider, capture, picture, method) for capture in (False, True)
        )
        slow, fast, apart = seconds(both, picture, method, given.rounds)
        pace = f"{median(slow):.4f}", f"{median(fast):.4f}", f"{median(slow) / median(fast):.2f}x"
        table.add_row(method, str(plain), str(recorded), *pace, f"{apart:.0e}")
    Console().print(table)


if __name__ == "__main__":
    main()
