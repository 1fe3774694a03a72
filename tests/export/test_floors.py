"""The benchmark of what methods take beyond the network's runs, on the built-in one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from floors import above, watched

from camruntime.bundle import open_bundle
from camruntime.engine import Engine
from camruntime.explainer import Explainer
from camruntime.pictures import prepare

INSPECTOR = Path(__file__).parents[2] / "exported_models" / "inspector"
PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)


@pytest.mark.parametrize(
    ("method", "images", "tails", "gradients"),
    [
        ("grad-cam", 1, 1, 1),
        ("augment/grad-cam", 6, 6, 6),
        ("score-cam", "live", "live", 0),
        ("ablation-cam", 1, "live", 0),
    ],
)
def test_the_networks_runs_are_counted_and_repeated(
    method: str, images: int | str, tails: int | str, gradients: int
) -> None:
    """Masks are none of them; flat channels share one, and are left out where they are zero."""
    engine = Engine(open_bundle(INSPECTOR), ["cpu"], threads=1)
    explainer = Explainer(engine)
    spec = engine.bundle.manifest.input
    maps = explainer.graphs().forward(prepare(PICTURE, spec)).activations[0]
    flat = np.ptp(maps, axis=(1, 2)) == 0
    assert not maps[flat].any()
    shown = int((~flat).sum()) + (method == "score-cam" and flat.any())
    explain = partial(explainer.explain, PICTURE, method)
    found: dict[str, int] = {}
    for graph, rows in watched(engine, explain).asked:
        found[graph] = found.get(graph, 0) + rows
    wanted = [1 + shown if count == "live" else count for count in (images, tails, gradients)]
    assert [found.get(graph, 0) for graph in ("head", "tail", "gradient")] == wanted
    assert above(engine, explain, 0)[1] > 0
