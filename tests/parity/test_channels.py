"""Networks that take no three colours: ONNX Runtime against plain PyTorch, logits and maps."""

from __future__ import annotations

import importlib
from dataclasses import asdict

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from camexport.parity import Reference
from camruntime.engine import OnnxGraphs
from camruntime.methods import make_method
from camruntime.pictures import Picture
from pairs import Pair, Pairs, assert_same_map

SPECS = [
    "score-cam",
    "recipro-cam",
    "grad-cam",
    "decom-cam",
    "decom-cam:preset=official:components=4",
    "integrated-grad-cam:steps=6",
    "feature-cam:edges=scharr",
    "feature-cam:edges=scharr:input=1:experiment=3",
]
PIXELS = {"decom-cam", "feature-cam", "integrated-grad-cam"}
MODELS = ["networks:grey", "networks:four_channels"]


def _shown(pair: Pair, photo: Picture) -> NDArray[np.uint8]:
    """What the network takes: colours for a grey one, and two more channels for that of four."""
    if pair.explainer.bundle.manifest.input.channels == 1:
        return photo
    return np.dstack([photo, photo[::-1, :, 1]])


@pytest.mark.parametrize("model", MODELS)
def test_activations_and_logits(pairs: Pairs, photo: Picture, model: str) -> None:
    pair = pairs(model, 48)
    image = pair.tensor(_shown(pair, photo))
    activations, logits = Reference(pair.network, pair.layer).run(image)
    found = OnnxGraphs(pair.explainer._engine).forward(image.numpy())
    assert_same_map(found.activations, activations)
    assert_same_map(found.logits, logits[0])


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("model", MODELS)
def test_raw_maps(pairs: Pairs, photo: Picture, model: str, spec: str) -> None:
    pair, targets = pairs(model, 48), [0, 1, 2, 3, 4]
    picture = _shown(pair, photo)
    options, name = asdict(make_method(spec)), spec.partition(":")[0]
    if name in PIXELS:
        given = pair.explainer.bundle.manifest.input
        options |= {"mean": given.mean, "std": given.std}
        if name == "feature-cam":
            options["drawn"] = given.shown
    reference = importlib.import_module(f"reference.{name.replace('-', '_')}").reference
    image = pair.tensor(picture)
    with torch.no_grad():
        expected = reference(pair.network, pair.layer, image, targets, **options)
        exact = reference(pair.exact, pair.layer, image.double(), targets, **options)
    compared = 0
    explained = pair.explainer.explain(picture, make_method(spec), target=targets)
    for explanation, wanted, judge in zip(explained, expected, exact, strict=True):
        if float(wanted.max()) == float(wanted.min()):
            assert explanation.no_evidence
        else:
            assert_same_map(explanation.raw, wanted, judge)
            compared += 1
    assert compared, "every reference map is flat: nothing was compared"
