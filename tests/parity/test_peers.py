"""The presets that carry a library's name against that library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pytorch_grad_cam import ScoreCAM as PeerScoreCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchcam.methods import ScoreCAM as TorchScoreCAM

from camruntime.picture import Picture
from pairs import MODELS, Pairs, assert_same_map

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
