"""The presets that carry a library's name against that library."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pytorch_grad_cam import (
    AblationCAM,
    EigenCAM,
    EigenGradCAM,
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    LayerCAM,
    XGradCAM,
)
from pytorch_grad_cam import ScoreCAM as PeerScoreCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torchcam.methods import ISCAM, SSCAM
from torchcam.methods import GradCAM as TorchGradCAM
from torchcam.methods import LayerCAM as TorchLayerCAM
from torchcam.methods import ScoreCAM as TorchScoreCAM
from torchcam.methods import SmoothGradCAMpp as TorchSmooth
from torchcam.methods import XGradCAM as TorchXGradCAM

from camruntime.maps import FloatArray
from camruntime.pictures import Picture
from pairs import MODELS, Pair, Pairs, assert_same_map

TARGET = 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("model", "side"), MODELS)
def test_grad_cam_preset_equals_pytorch_grad_cam(
    pairs: Pairs, photo: Picture, model: str, side: int | None
) -> None:
    pair = pairs(model, side)
    image = pair.tensor(photo)
    targets = [ClassifierOutputTarget(TARGET)]
    layer = pair.network.get_submodule(pair.layer)
    with PeerScoreCAM(pair.network, [layer]) as peer:
        peer.activations_and_grads(image)
        activations = peer.activations_and_grads.activations[0].numpy()
        with torch.no_grad():
            raw = peer.get_cam_image(image, layer, targets, activations, None)
    found = pair.explainer.explain(photo, "score-cam", TARGET, preset="grad-cam")
    assert_same_map(found.raw, torch.from_numpy(np.maximum(raw[0], 0)))


@pytest.mark.parametrize(("model", "side"), MODELS)
def test_torch_cam_preset_equals_torch_cam(
    pairs: Pairs, photo: Picture, model: str, side: int | None
) -> None:
    pair = pairs(model, side)
    image = pair.tensor(photo)
    with torch.no_grad(), TorchScoreCAM(pair.network, pair.layer) as peer:
        scores = pair.network(image)
        (raw,) = peer(TARGET, scores, normalized=False)
    found = pair.explainer.explain(photo, "score-cam", TARGET, preset="torch-cam")
    assert_same_map(found.raw, raw[0])


@pytest.mark.parametrize(("model", "side"), MODELS)
def test_torch_cam_preset_of_is_cam(
    pairs: Pairs, photo: Picture, model: str, side: int | None
) -> None:
    pair = pairs(model, side)
    image = pair.tensor(photo)
    with torch.no_grad(), ISCAM(pair.network, pair.layer, num_samples=3) as peer:
        scores = pair.network(image)
        (raw,) = peer(TARGET, scores, normalized=False)
    found = pair.explainer.explain(photo, "is-cam", TARGET, preset="torch-cam", steps=3)
    assert_same_map(found.raw, raw[0])


@pytest.mark.parametrize(("model", "side"), MODELS)
def test_torch_cam_preset_of_ss_cam(
    pairs: Pairs, photo: Picture, model: str, side: int | None
) -> None:
    """The same noise in both, for all channels: `default_rng(0)`, handed out sample by sample."""
    pair = pairs(model, side)
    image = pair.tensor(photo)
    drawn = np.random.default_rng(0).standard_normal((2, *image.shape[2:]), dtype=np.float32)
    with torch.no_grad(), SSCAM(pair.network, pair.layer, num_samples=2) as peer:
        peer._distrib = _Given(torch.from_numpy(2 * drawn))  # type: ignore[assignment]
        scores = pair.network(image)
        (raw,) = peer(TARGET, scores, normalized=False)
    found = pair.explainer.explain(photo, "ss-cam", TARGET, preset="torch-cam", samples=2)
    assert_same_map(found.raw, raw[0])


def _leading(pair: Pair, photo: Picture) -> int:
    """The top class: of an untrained network others often have a flat map."""
    with torch.no_grad():
        return int(pair.network(pair.tensor(photo)).argmax())


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("grad-cam", GradCAM),
        ("grad-cam++:preset=grad-cam", GradCAMPlusPlus),
        ("xgrad-cam", XGradCAM),
        ("layer-cam", LayerCAM),
        ("hires-cam", HiResCAM),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("model", "side"), MODELS)
def test_gradient_methods_equal_pytorch_grad_cam(
    pairs: Pairs, photo: Picture, model: str, side: int | None, spec: str, kind: Any
) -> None:
    pair = pairs(model, side)
    target = _leading(pair, photo)
    raw = _of_pytorch_grad_cam(kind, pair, photo, target)
    found = pair.explainer.explain(photo, spec, target)
    assert_same_map(found.raw, torch.from_numpy(np.maximum(raw, 0)))


@pytest.mark.parametrize(
    ("name", "kind"), [("eigen-cam", EigenCAM), ("eigen-grad-cam", EigenGradCAM)]
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("model", "side"), MODELS)
def test_centred_directions_equal_pytorch_grad_cam_but_for_its_sign(
    pairs: Pairs, photo: Picture, model: str, side: int | None, name: str, kind: Any
) -> None:
    pair = pairs(model, side)
    target = _leading(pair, photo)
    raw = _of_pytorch_grad_cam(kind, pair, photo, target)
    found = pair.explainer.explain(photo, name, target, centred=True)
    turned = np.maximum(raw if (raw * found.raw).sum() > 0 else -raw, 0)
    assert_same_map(found.raw, torch.from_numpy(turned))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("model", "side"), MODELS)
def test_ablation_cam_equals_pytorch_grad_cam(
    pairs: Pairs, photo: Picture, model: str, side: int | None
) -> None:
    """Behind a ReLU, where it ablates with zero."""
    pair = pairs(model, side)
    for target in (_leading(pair, photo), TARGET):
        raw = torch.from_numpy(
            np.maximum(_of_pytorch_grad_cam(AblationCAM, pair, photo, target), 0)
        )
        found = pair.explainer.explain(photo, "ablation-cam", target, preset="grad-cam")
        if float(raw.max()) > 0:
            assert_same_map(found.raw, raw)


def _of_pytorch_grad_cam(kind: Any, pair: Pair, photo: Picture, target: int) -> FloatArray:
    """Its map `(h, w)`, before it is clipped and rescaled."""
    layer = pair.network.get_submodule(pair.layer)
    image = pair.tensor(photo).requires_grad_()  # the parameters are frozen
    targets = [ClassifierOutputTarget(target)]
    with kind(pair.network, [layer]) as peer:
        peer(image, targets)
        seen = peer.activations_and_grads
        gradients = seen.gradients[0].numpy() if seen.gradients else None
        arrays = (seen.activations[0].detach().numpy(), gradients)
        raw: FloatArray = peer.get_cam_image(image, layer, targets, *arrays, False)[0]
    return raw


@pytest.mark.parametrize(
    ("spec", "kind"),
    [("grad-cam", TorchGradCAM), ("xgrad-cam", TorchXGradCAM), ("layer-cam", TorchLayerCAM)],
)
@pytest.mark.parametrize(("model", "side"), MODELS)
def test_gradient_methods_equal_torch_cam(
    pairs: Pairs, photo: Picture, model: str, side: int | None, spec: str, kind: Any
) -> None:
    """Its Grad-CAM++ is left out: it divides a copy, so its alpha stays the square."""
    pair = pairs(model, side)
    target = _leading(pair, photo)
    with kind(pair.network, pair.layer) as peer:
        scores = pair.network(pair.tensor(photo).requires_grad_())
        (raw,) = peer(target, scores, normalized=False)
    found = pair.explainer.explain(photo, spec, target)
    assert_same_map(found.raw, raw[0].relu().detach())


@pytest.mark.parametrize(("model", "side"), MODELS)
def test_torch_cam_preset_of_smooth_grad_cam_plus_plus(
    pairs: Pairs, photo: Picture, model: str, side: int | None
) -> None:
    """The same noise in both: `default_rng(0)`, handed out sample by sample.

    Its weights are quotients of small sums: PyTorch's own float32 is 2e-3 off on one network.
    """
    pair = pairs(model, side)
    target = _leading(pair, photo)
    image = pair.tensor(photo)
    drawn = np.random.default_rng(0).standard_normal((4, *image.shape[1:]), dtype=np.float32)
    noise = torch.from_numpy(drawn * np.float32(0.3))
    expected = _smooth(pair.network, pair.layer, image, noise, target)
    exact = _smooth(pair.exact, pair.layer, image.double(), noise.double(), target)
    found = pair.explainer.explain(photo, "smooth-grad-cam++", target, preset="torch-cam")
    assert_same_map(found.raw, expected, exact)


class _Given:
    """In the place of torch-cam's noise: these samples, whatever size they are to have."""

    def __init__(self, samples: Tensor) -> None:
        self._samples = iter(samples)

    def sample(self, size: torch.Size) -> Tensor:
        sample: Tensor = next(self._samples)
        return sample.expand(size)


def _smooth(network: nn.Module, layer: str, image: Tensor, noise: Tensor, target: int) -> Tensor:
    """torch-cam's map, with these samples of noise."""
    with TorchSmooth(network, layer) as peer:
        peer._distrib = _Given(noise)  # type: ignore[assignment]
        scores = network(image.clone().requires_grad_())
        (raw,) = peer(target, scores, normalized=False)
    return raw[0].relu().detach()
