"""ONNX Runtime against plain PyTorch: activations, logits, and every method and preset."""

from __future__ import annotations

import importlib
from dataclasses import asdict

import pytest
import torch

from camexport.parity import reference
from camruntime.methods import METHODS, make_method
from camruntime.onnx_graphs import OnnxGraphs
from camruntime.picture import Picture
from pairs import MODELS, Pairs, assert_same_map

SPECS = [
    "score-cam",
    "score-cam:preset=official",
    "score-cam:preset=grad-cam",
    "score-cam:preset=torch-cam",
    "recipro-cam",
    "recipro-cam:score=logit",
    "recipro-cam:mask=gaussian",
    "recipro-cam:score=logit:mask=gaussian",
]


def test_every_method_has_a_reference_and_is_compared() -> None:
    compared = {spec.partition(":")[0] for spec in SPECS}
    assert compared == set(METHODS)
    for name in METHODS:
        module = importlib.import_module(f"reference.{name.replace('-', '_')}")
        assert callable(module.reference)


@pytest.mark.parametrize(("model", "side"), MODELS)
def test_activations_and_logits(pairs: Pairs, photo: Picture, model: str, side: int | None) -> None:
    pair = pairs(model, side)
    image = pair.tensor(photo)
    activations, logits = reference(pair.network, pair.layer, image)
    found = OnnxGraphs(pair.explainer._engine).forward(image.numpy())
    assert_same_map(found.activations, activations)
    assert_same_map(found.logits, logits[0])


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("model", "side"), MODELS)
def test_raw_maps(pairs: Pairs, photo: Picture, model: str, side: int | None, spec: str) -> None:
    pair = pairs(model, side)
    method = make_method(spec)
    name = spec.partition(":")[0].replace("-", "_")
    plain = importlib.import_module(f"reference.{name}")
    targets = [1, 4]
    explained = pair.explainer.explain(photo, method, target=targets)
    with torch.no_grad():
        expected = plain.reference(
            pair.network, pair.layer, pair.tensor(photo), targets, **asdict(method)
        )
    for explanation, wanted in zip(explained, expected, strict=True):
        assert_same_map(explanation.raw, wanted)
