"""Maps of several layers as one: ONNX Runtime against plain PyTorch, and against two libraries."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM, HiResCAM, LayerCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torchcam.methods import GradCAM as TorchGradCAM
from torchcam.methods import LayerCAM as TorchLayerCAM

import camruntime
from camexport.build import BuildOptions, build_bundle
from camexport.models import find_architecture, load_network
from camruntime.methods import LayerFusion, make_method
from camruntime.pictures import Picture
from pairs import SMALL_VGG, Pair, assert_same_map
from reference.layers import reference

RESNET = ("resnet18", 96, ("layer4", "layer3", "layer2"))
VGG = (*SMALL_VGG, ("features", "features.9", "features.4"))
WAYS = [
    "layers",
    "layers:fuse=max",
    "layers:scale=tanh",
    "layers:fuse=max:scale=tanh",
]
Open = Callable[[str, int, tuple[str, ...]], Pair]


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory, provider: str) -> Open:
    """Makes a network with seeded weights, and its bundle with these layers, once."""
    folder = tmp_path_factory.mktemp("layers")

    @cache
    def make(model: str, side: int, layers: tuple[str, ...]) -> Pair:
        weights = "default" if ":" in model else "random"
        first, *more = layers
        options = BuildOptions(
            model=model,
            weights=weights,
            size=(side, side),
            seed=1,
            layer=first,
            more_layers=tuple(more),
            out=folder / f"{len(layers)}-{side}",
        )
        bundle = build_bundle(options).bundle
        network, _ = load_network(find_architecture(model), weights, 1, (side, side))
        return Pair(network.requires_grad_(False), camruntime.load(bundle.folder, [provider]))

    return make


def _layers(pair: Pair) -> list[str]:
    return [layer.name for layer in pair.explainer.bundle.manifest.layers]


def _leading(pair: Pair, photo: Picture, count: int = 2) -> list[int]:
    """The leading classes: of an untrained network others often have a flat map."""
    with torch.no_grad():
        found: list[int] = pair.network(pair.tensor(photo))[0].topk(count).indices.tolist()
    return found


@pytest.mark.parametrize(
    ("network", "inner", "own"),
    [
        *((RESNET, "layer-cam", own) for own in WAYS),
        *((VGG, "grad-cam", own) for own in WAYS),
        *((VGG, inner, "layers") for inner in ("recipro-cam", "score-cam")),
        pytest.param(RESNET, "recipro-cam", "layers", marks=pytest.mark.slow),
    ],
)
def test_raw_maps(
    several: Open, photo: Picture, network: tuple[Any, Any, Any], inner: str, own: str
) -> None:
    pair = several(*network)
    targets = _leading(pair, photo)
    explained = pair.explainer.explain(photo, f"{own}/{inner}", target=targets)
    expected, exact = (
        _expected(pair, one, image, own, inner, targets)
        for one, image in (
            (pair.network, pair.tensor(photo)),
            (pair.exact, pair.tensor(photo).double()),
        )
    )
    for found, wanted, judge in zip(explained, expected, exact, strict=True):
        assert found.raw.shape == pair.explainer.bundle.manifest.input.size
        assert_same_map(found.raw, wanted, judge)


def _expected(
    pair: Pair, network: nn.Module, image: Tensor, own: str, inner: str, targets: list[int]
) -> Tensor:
    module = importlib.import_module(f"reference.{inner.replace('-', '_')}")
    helper = make_method(f"{own}/{inner}")
    assert isinstance(helper, LayerFusion)
    with torch.no_grad():
        maps = [
            module.reference(network, layer, image, targets, **asdict(make_method(inner)))
            for layer in _layers(pair)
        ]
        size = int(image.shape[2]), int(image.shape[3])
        return reference(maps, size, helper.fuse, helper.scale)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("spec", "kind"), [("layer-cam", LayerCAM), ("grad-cam", GradCAM), ("hires-cam", HiResCAM)]
)
@pytest.mark.parametrize("network", [RESNET, VGG])
def test_the_mean_equals_pytorch_grad_cam_s_of_several_target_layers(
    several: Open, photo: Picture, network: tuple[Any, Any, Any], spec: str, kind: Any
) -> None:
    """Before its last rescaling, which is ours too; it adds 1e-7 to each map's range."""
    pair = several(*network)
    (target,) = _leading(pair, photo, 1)
    modules = [pair.network.get_submodule(name) for name in _layers(pair)]
    image = pair.tensor(photo).requires_grad_()  # the parameters are frozen
    with kind(pair.network, modules) as peer:
        (expected,) = peer(image, [ClassifierOutputTarget(target)])
    found = pair.explainer.explain(photo, f"layers/{spec}", target)
    np.testing.assert_allclose(found.saliency, expected, atol=1e-3)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("layers:fuse=max:scale=tanh/layer-cam", TorchLayerCAM),
        ("layers:fuse=max/grad-cam", TorchGradCAM),
    ],
)
@pytest.mark.parametrize("network", [RESNET, VGG])
def test_the_maximum_equals_torch_cam_s_fusion(
    several: Open, photo: Picture, network: tuple[Any, Any, Any], spec: str, kind: Any
) -> None:
    pair = several(*network)
    (target,) = _leading(pair, photo, 1)
    with kind(pair.network, _layers(pair)) as peer:
        scores = pair.network(pair.tensor(photo).requires_grad_())
        cams = peer(target, scores)
        fused = peer.fuse_cams(cams, pair.explainer.bundle.manifest.input.size)
    found = pair.explainer.explain(photo, spec, target)
    assert_same_map(found.raw, fused[0].detach())
