"""Helpers around methods: ONNX Runtime against plain PyTorch, and against pytorch-grad-cam."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor

import camruntime
from camruntime.methods import HELPERS, make_method, name_of, spec_of
from camruntime.pictures import Picture
from pairs import SMALL, SMALL_VGG, Pair, Pairs, assert_same_map

OWN = [
    "smooth:samples=5",
    "smooth:samples=18:noise=0.3:seed=7",  # more than go through the network together
    "augment",
    "augment:spread=0.4",
    "augment:preset=grad-cam",
    "evet",
    "evet:degrees=33:zoom=1.4",
    "sess:scales=3",
    "sess:scales=4:drop=0.6",
    "sess:scales=3:pool=max",
]
INNER = ["recipro-cam", "grad-cam"]
CASES = [
    *((own, inner) for own in OWN for inner in INNER),
    ("smooth:samples=2", "score-cam:preset=official"),  # whose maps have the image's size
]


def test_every_helper_has_a_reference_and_is_compared() -> None:
    assert {*map(name_of, OWN), "layers"} == HELPERS.keys(), "layers: see test_layers.py"


@pytest.mark.parametrize(("own", "inner"), CASES)
@pytest.mark.parametrize(("model", "side"), [("inspector", None), SMALL_VGG])
def test_raw_maps(
    pairs: Pairs, photo: Picture, model: str, side: int | None, own: str, inner: str
) -> None:
    pair = pairs(model, side)
    image, targets = pair.tensor(photo), _leading(pair, photo)
    expected = _around(pair, own, partial(_plain, pair, inner, targets), image, targets)
    found = pair.explainer.explain(photo, f"{own}/{inner}", targets)
    for one, wanted in zip(found, expected, strict=True):
        assert_same_map(one.raw, wanted)


def test_one_helper_around_another(pairs: Pairs, photo: Picture) -> None:
    pair = pairs("inspector", None)
    image, targets = pair.tensor(photo), _leading(pair, photo)
    grad_cam = partial(_plain, pair, "grad-cam", targets)

    def evet(one: Tensor) -> Tensor:
        return _around(pair, "evet", grad_cam, one, targets)

    expected = _around(pair, "smooth:samples=3", evet, image, targets)
    found = pair.explainer.explain(photo, "smooth:samples=3/evet/grad-cam", targets)
    for one, wanted in zip(found, expected, strict=True):
        assert_same_map(one.raw, wanted)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("model", "side"), SMALL)
def test_augment_equals_aug_smooth_of_pytorch_grad_cam(
    pairs: Pairs, photo: Picture, model: str, side: int | None
) -> None:
    pair = pairs(model, side)
    image, target = pair.tensor(photo), _leading(pair, photo)[0]
    with GradCAM(pair.network, [pair.network.get_submodule(pair.layer)]) as peer:
        theirs = peer(
            image.clone().requires_grad_(), [ClassifierOutputTarget(target)], aug_smooth=True
        )[0]
    ours = pair.explainer.explain(photo, "augment:preset=grad-cam/grad-cam", target)
    np.testing.assert_allclose(ours.raw, theirs, atol=2e-3)  # 1e-7 added to each map's range


def test_a_contrast_goes_through_helpers_too(pairs: Pairs, photo: Picture) -> None:
    """Grad-CAM before its ReLU is linear in the logits; Recipro-CAM's logits are, too."""
    pair = pairs("resnet18", 96)
    first, second = _leading(pair, photo)
    explain = pair.explainer.explain
    spec = "smooth:samples=3/recipro-cam:score=logit"
    one, other = explain(photo, spec, [first, second])
    found = explain(photo, spec, camruntime.Contrast(first, second))
    assert_same_map(found.raw, torch.from_numpy(one.raw - other.raw))


def _leading(pair: Pair, photo: Picture) -> list[int]:
    with torch.no_grad():
        return pair.network(pair.tensor(photo))[0].topk(2).indices.tolist()  # type: ignore[no-any-return]


def _plain(pair: Pair, spec: str, targets: list[int], image: Tensor) -> Tensor:
    method = make_method(spec)
    file = name_of(spec_of(method)).replace("-", "_")
    reference: Callable[..., Tensor] = importlib.import_module(f"reference.{file}").reference
    with torch.no_grad():
        return reference(pair.network, pair.layer, image, targets, **asdict(method))


def _around(
    pair: Pair, own: str, inner: Callable[[Tensor], Tensor], image: Tensor, targets: list[int]
) -> Tensor:
    helper = make_method(f"{own}/uniform")
    options = {name: value for name, value in asdict(helper).items() if name != "method"}
    reference: Callable[..., Tensor] = importlib.import_module(
        f"reference.{name_of(own)}"
    ).reference
    if name_of(own) == "sess":

        def probabilities(window: Tensor) -> Tensor:
            with torch.no_grad():
                return pair.network(window).softmax(1)[0, targets]  # type: ignore[no-any-return]

        return reference(image, inner, probabilities, **options)
    return reference(image, inner, **options)
