"""Could int8 rank Score-CAM's channels, so that only the leaders are computed in float32?

    python benchmarks/int8_ranking.py PHOTOGRAPHS MODEL ... [--pictures 40] [--threads 2]

A MODEL is the folder of a bundle in float32, or a name, built with the publisher's weights unless
`--weights random`. int8 is calibrated on every second photograph; the others are explained, each
for its top class. Every channel is scored in int8. Those that would then add most to the map are
scored in float32 too; the rest keep their int8 scores, shifted by what the leaders were off.

Cost is in Score-CAMs in float32: the leaders' share, and one int8 pass for every channel at the
speed that Score-CAM has in both precisions, measured in turns. Beside it stands what
`anytime-score-cam` makes of as many passes, without int8.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
from anytime import measure
from anytime_recorded import Recorded, correlation, masks_of
from precisions import bundles, measure_times, options
from rich.console import Console
from rich.progress import track
from rich.table import Table

from camruntime.bundle import Input
from camruntime.engine import Engine, OnnxGraphs
from camruntime.maps import FloatArray

SHARES = (0.0, 0.02, 0.05, 0.1, 0.2)
TURNS = 5
console = Console(width=None if sys.stdout.isatty() else 120)


def scored(
    exact: OnnxGraphs, quantised: OnnxGraphs, image: FloatArray, spec: Input
) -> tuple[Recorded, FloatArray]:
    """All channels' logits of the top class in float32, and in int8, float32 `(n, 1)`."""
    forward = exact.forward(image)
    top = [int(forward.logits.argmax())]
    shown, rows, upsampling = masks_of(forward.activations[0], spec)
    logits = [
        graphs.logits_of_masked_images(image, shown, upsampling)[:, top]
        for graphs in (exact, quantised)
    ]
    return Recorded(forward, shown, logits[0], rows), logits[1]


def with_leaders(recorded: Recorded, quantised: FloatArray, share: float) -> FloatArray:
    """The map when so many channels are scored in float32."""
    norms = np.linalg.norm(recorded.forward.activations[0], axis=(1, 2))
    most = np.bincount(recorded.rows, norms) * np.exp(quantised[:, 0] - quantised.max())
    lead = np.argsort(-most)[: round(share * len(most))]
    scores = quantised.copy()
    if len(lead):
        scores += (recorded.scores - quantised)[lead].mean()
        scores[lead] = recorded.scores[lead]
    return replace(recorded, scores=scores).exact()


def table_rows(model: str, arguments: argparse.Namespace, folder: Path) -> Iterator[list[str]]:
    made, judges = bundles(model, arguments.weights, arguments.photographs, folder)
    judges = judges[: arguments.pictures]
    manifest = made["float32"].manifest
    engines = {
        name: Engine(made[name], ["cpu"], threads=arguments.threads) for name in ("float32", "int8")
    }
    taken = measure_times(engines, judges[0], TURNS)  # type: ignore[arg-type]  # names of precisions
    price = median(
        q.channel / e.channel for q, e in zip(taken["int8"], taken["float32"], strict=True)
    )
    graphs = [OnnxGraphs(engine) for engine in engines.values()]
    found = [
        scored(graphs[0], graphs[1], image, manifest.input)
        for image in track(judges, manifest.model)
    ]
    for share in SHARES:
        ours = [correlation(with_leaders(*one, share), one[0].exact()) for one in found]
        cost = price + share
        anytime = [measure(one, min(cost, 1)).ours for one, _ in found]
        yield [
            manifest.model,
            f"{share:g}",
            f"{cost:.2f}",
            *(f"{np.mean(each):.4f}, {np.min(each):.4f}" for each in (ours, anytime)),
        ]


def main() -> None:
    arguments = options(__doc__, pictures=40).parse_args()
    table = Table(
        "model", "leaders", "cost", "int8 ranking: mean, worst", "anytime at that cost: mean, worst"
    )
    for model in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            for row in table_rows(model, arguments, Path(folder)):
                table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
