"""ONNX Runtime against plain PyTorch: activations, logits, and every method and preset."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import asdict

import pytest
import torch
from torch import Tensor, nn

from camexport.parity import Reference
from camruntime.engine import OnnxGraphs
from camruntime.methods import METHODS, make_method
from camruntime.pictures import Picture
from pairs import FULL, MODELS, SMALL, SMALL_VGG, Pair, Pairs, assert_same_map

SPECS = [
    "score-cam",
    "score-cam:preset=official",
    "score-cam:preset=grad-cam",
    "score-cam:preset=torch-cam",
    "anytime-score-cam:share=0.2",
    "anytime-score-cam:share=1.0",
    "recipro-cam",
    "recipro-cam:score=logit",
    "recipro-cam:mask=gaussian",
    "recipro-cam:score=logit:mask=gaussian",
    "eigen-cam",
    "eigen-cam:centred=True",
    "is-cam:steps=2",
    "is-cam:steps=2:preset=cumulative",
    "is-cam:steps=2:preset=torch-cam",
    "ss-cam:samples=2",
    "ss-cam:samples=2:variant=2",
    "ss-cam:samples=2:preset=official",
    "ss-cam:samples=2:variant=2:seed=7:sigma=1.0:preset=official",
    "ss-cam:samples=2:preset=torch-cam",
    "score-cam++",
    "rise:masks=60",
    "rise:masks=40:grid=5:keep=0.3:seed=7",
]


GRADIENT_SPECS = [
    "grad-cam",
    "grad-cam++",
    "grad-cam++:preset=grad-cam",
    "smooth-grad-cam++",
    "smooth-grad-cam++:seed=7:sigma=0.1:samples=2",
    "xgrad-cam",
    "layer-cam",
    "hires-cam",
    "wgrad-cam",
    "integrated-grad-cam:steps=6",
    "decom-cam",
    "decom-cam:preset=official:components=4",
    "eigen-grad-cam",
    "eigen-grad-cam:centred=True",
    "group-cam",
    "group-cam:groups=7",
    "group-cam:preset=official",
    "feature-cam:edges=scharr",
    "feature-cam:edges=scharr:input=3:experiment=2:base=grad-cam++:ratio3=0.5:limit=rescale",
    "feature-cam:edges=scharr:input=1:experiment=3:base=smooth-grad-cam++",
]

DIFFERENCES = [
    "ablation-cam",
    "ablation-cam:preset=grad-cam",
    "score-cam++:select=False",
]
"""Sums of small differences, which are of both signs."""

PIXELS = {"integrated-grad-cam", "decom-cam", "feature-cam"}
"""Methods that are defined on pixels, so that their references need mean and std."""

GAP_AND_LINEAR = [
    ("inspector", None, None),
    ("resnet18", 96, None),
]

LAYERS = [
    *GAP_AND_LINEAR,
    ("resnet18", 64, "layer3"),
    (*SMALL_VGG, None),
]

HEAVY = [
    ("vgg16", 96, None),
    ("vgg16", 64, "features.22"),
    ("resnet50", 96, None),
    ("resnet50", 96, "layer3"),
    ("mobilenet_v2", 96, None),
    ("mobilenet_v2", 96, "features.16"),
    ("densenet121", 96, None),
    ("densenet121", 96, "features.transition3"),
    ("efficientnet_b0", 96, None),
    ("efficientnet_b0", 96, "features.5"),
    ("inception_v3", 139, None),
    ("inception_v3", 139, "Mixed_6e"),
    ("convnext_tiny", 96, None),
    ("convnext_tiny", 96, "features.5"),
]


REPEATED = ("=grad-cam", "=torch-cam", "=1.0", "=cumulative")
MANY_PASSES = ("ss-cam", "score-cam++:select")

RAW = [
    pytest.param(*model, spec, marks=(pytest.mark.slow,) if model in FULL or repeated else ())
    for model in [*SMALL, *FULL]
    for spec in SPECS
    # With ResNet18's 512 channels they take ten seconds each, and test_peers compares the same.
    for repeated in [
        model[0] == "resnet18" and (spec.endswith(REPEATED) or spec.startswith(MANY_PASSES))
    ]
]

LEADING = [
    pytest.param(*layer, spec, marks=(pytest.mark.slow,) if layer in HEAVY or many else ())
    for layer in [*LAYERS, *HEAVY]
    for spec in [*GRADIENT_SPECS, *DIFFERENCES]
    for many in [layer[0] == "resnet18" and spec.startswith(MANY_PASSES)]
]


def test_every_method_has_a_reference_and_is_compared() -> None:
    compared = {spec.partition(":")[0] for spec in [*SPECS, *GRADIENT_SPECS, *DIFFERENCES, "cam"]}
    assert compared == set(METHODS)
    for name in METHODS:
        assert callable(_plain(name))


def _plain(name: str) -> Callable[..., Tensor]:
    file = name.replace("+", "_plus").replace("-", "_")
    reference: Callable[..., Tensor] = importlib.import_module(f"reference.{file}").reference
    return reference


@pytest.mark.parametrize(("model", "side"), MODELS)
def test_activations_and_logits(pairs: Pairs, photo: Picture, model: str, side: int | None) -> None:
    pair = pairs(model, side)
    image = pair.tensor(photo)
    activations, logits = Reference(pair.network, pair.layer).run(image)
    found = OnnxGraphs(pair.explainer._engine).forward(image.numpy())
    assert_same_map(found.activations, activations)
    assert_same_map(found.logits, logits[0])


@pytest.mark.parametrize(("model", "side", "spec"), RAW)
def test_raw_maps(pairs: Pairs, photo: Picture, model: str, side: int | None, spec: str) -> None:
    _assert_parity(pairs(model, side), photo, spec, [1, 4])


@pytest.mark.parametrize(("model", "side", "layer", "spec"), LEADING)
def test_raw_maps_of_leading_classes(
    pairs: Pairs, photo: Picture, model: str, side: int | None, layer: str | None, spec: str
) -> None:
    pair = pairs(model, side, layer)
    # Of an untrained network few classes have a map that its ReLU leaves: mostly the leading ones.
    with torch.no_grad():
        leading = pair.network(pair.tensor(photo))[0].topk(2).indices.tolist()
    _assert_parity(pair, photo, spec, [0, 1, 2, 3, *leading] if "integrated" in spec else leading)


@pytest.mark.parametrize(("model", "side", "layer"), GAP_AND_LINEAR)
def test_cam(pairs: Pairs, photo: Picture, model: str, side: int | None, layer: str | None) -> None:
    _assert_parity(pairs(model, side, layer), photo, "cam", [1, 4])


def _assert_parity(pair: Pair, photo: Picture, spec: str, targets: list[int]) -> None:
    explained = pair.explainer.explain(photo, make_method(spec), target=targets)
    expected = _reference(pair, pair.network, pair.tensor(photo), spec, targets)
    exact = expected
    if spec not in SPECS:  # of which PyTorch's float32 can be the worse of the two
        exact = _reference(pair, pair.exact, pair.tensor(photo).double(), spec, targets)
    compared = 0
    for explanation, wanted, judge in zip(explained, expected, exact, strict=True):
        if float(wanted.max()) == float(wanted.min()):
            assert explanation.no_evidence
        else:
            assert_same_map(explanation.raw, wanted, judge)
            compared += 1
    assert compared, "every reference map is flat: nothing was compared"


def _reference(
    pair: Pair, network: nn.Module, image: Tensor, spec: str, targets: list[int]
) -> Tensor:
    method = make_method(spec)
    name = spec.partition(":")[0]
    options = asdict(method)
    if name in PIXELS:
        given = pair.explainer.bundle.manifest.input
        options |= {"mean": given.mean, "std": given.std}
    with torch.no_grad():
        return _plain(name)(network, pair.layer, image, targets, **options)
