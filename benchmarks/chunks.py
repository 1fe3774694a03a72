"""How many masked images at once are fastest on the CPU.

    python benchmarks/chunks.py NETWORK ... [--threads 2] [--chunks 2 4 8 16] [--seconds 60]

A NETWORK is a bundle's folder, or a name that `camexport build` knows, built with seeded random
weights. Every round masks and classifies as many images as the largest chunk holds, twice, in
chunks of each size in turn. A ratio is the median, over the rounds, of a size's time over the
largest one's in the same round, so that a machine that slows down for a while slows both.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from named_bundle import named_bundle
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from camruntime.engine import Engine, OnnxGraphs
from camruntime.maps import bilinear


def rounds(engine: Engine, chunks: Sequence[int], seconds: float) -> NDArray[np.float64]:
    """Seconds per image `(rounds, chunks)`; the first round, which warms up, is not counted."""
    spec, layer = engine.bundle.manifest.input, engine.bundle.manifest.layer
    rng, count = np.random.default_rng(0), 2 * max(chunks)
    image = rng.standard_normal((1, 3, *spec.size), np.float32)
    masks = rng.random((count, *layer.spatial), np.float32)
    upsampling = bilinear(layer.spatial, spec.size)

    def time_of(chunk: int) -> float:
        start = time.perf_counter()
        OnnxGraphs(engine, chunk).logits_of_masked_images(image, masks, upsampling)
        return (time.perf_counter() - start) / count

    found: list[list[float]] = []
    begin = time.perf_counter()
    while len(found) < 3 or time.perf_counter() - begin < seconds:
        found.append([time_of(chunk) for chunk in chunks])
    return np.array(found[1:])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("networks", nargs="+")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--chunks", nargs="+", type=int, default=[2, 4, 8, 16])
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    chunks = sorted(options.chunks)
    sizes = [f"{chunk} over {chunks[-1]}" for chunk in chunks]
    table = Table("network", "ms per image", "rounds", *sizes, title=f"{options.threads} threads")
    for name in options.networks:
        with tempfile.TemporaryDirectory() as folder:
            bundle = named_bundle(name, "random", Path(folder) / "bundle")
            engine = Engine(bundle, ["cpu"], threads=options.threads)
            times = rounds(engine, chunks, options.seconds)
        ratios = np.median(times / times[:, -1:], axis=0)
        milliseconds = f"{1e3 * np.median(times[:, -1]):.2f}"
        table.add_row(
            bundle.manifest.model, milliseconds, str(len(times)), *(f"{one:.3f}" for one in ratios)
        )
    Console().print(table)


if __name__ == "__main__":
    main()
