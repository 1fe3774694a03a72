"""Metrics against torch-cam and pytorch-grad-cam, given the same saliency maps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics.cam_mult_image import DropInConfidence
from pytorch_grad_cam.metrics.cam_mult_image import IncreaseInConfidence as PeerIncrease
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget
from torch import Tensor, nn
from torchcam.metrics import ClassificationMetric, DeletionInsertionMetric

from camruntime.graphs import softmax
from camruntime.maps import saliency
from camruntime.metrics import (
    AverageDrop,
    Case,
    Deletion,
    IncreaseInConfidence,
    Insertion,
)
from camruntime.pictures import Picture, read_picture
from pairs import SMALL_VGG, Pair, Pairs

SAMPLES = Path(__file__).parents[2] / "exported_models" / "inspector" / "samples"
METHODS = ["grad-cam", "recipro-cam", "layer-cam"]


class Given:
    """A CAM extractor of torch-cam's that returns a map that is there already."""

    def __init__(self, model: nn.Module, saliency: Tensor) -> None:
        self.model = model
        self._saliency = saliency

    def __call__(self, *_: Any, **_named: Any) -> list[Tensor]:
        return [self._saliency]

    def fuse_cams(self, cams: list[Tensor]) -> Tensor:
        return cams[0]

    @contextmanager
    def _hooks_off(self) -> Iterator[None]:
        yield


def _cases(pair: Pair, photos: list[Picture]) -> Iterator[tuple[Case, Tensor, Tensor]]:
    """Case, image `(1, 3, H, W)` and saliency `(1, H, W)` for every photograph and method."""
    graphs, rng = pair.explainer.graphs(), np.random.default_rng(4)
    for photo in photos:
        image = pair.tensor(photo)
        forward = graphs.forward(image.numpy())
        for name in METHODS:
            method = pair.explainer.method(name)
            target = int(forward.logits.argsort()[-2])  # not the top class: it has to be passed on
            maps = method(graphs, forward, [target])
            shown, _ = saliency(maps.raw[0], pair.explainer.bundle.manifest.input.size)
            # Equal pixels, of which a clipped map has many, are taken in another order.
            noise = rng.permutation(shown.size).reshape(shown.shape) / shown.size
            shown = (0.9 * shown + 0.1 * noise).astype(np.float32)
            case = Case(
                graphs=graphs,
                forward=forward,
                method=method,
                target=target,
                saliency=shown,
                photo_saliency=shown,
            )
            yield case, image, torch.from_numpy(shown)[None]


@pytest.fixture(params=[("inspector", None), SMALL_VGG])
def measured(request: Any, pairs: Pairs, photo: Picture) -> list[tuple[Case, Tensor, Tensor, Pair]]:
    """Cases of one network, each with what the peers take."""
    inspector = request.param[0] == "inspector"
    pair = pairs(*request.param)
    photos = [read_picture(path) for path in sorted(SAMPLES.glob("*.png"))[:4]]
    found = _cases(pair, photos if inspector else [photo])
    return [(case, image, shown, pair) for case, image, shown in found]


def test_drop_and_increase_equal_torch_cams(
    measured: list[tuple[Case, Tensor, Tensor, Pair]],
) -> None:
    for case, image, shown, pair in measured:
        peer = ClassificationMetric(Given(pair.network, shown), partial(torch.softmax, dim=-1))
        peer.update(image, case.target)
        expected = peer.summary()
        probability = case.probability
        # torch-cam adds 1e-7 to what it divides by.
        found = (AverageDrop()(case).value or 0.0) * probability / (probability + 1e-7)
        assert found == pytest.approx(100 * expected["avg_drop"], abs=1e-3)
        assert IncreaseInConfidence()(case).value == 100 * expected["conf_increase"]


def test_deletion_and_insertion_equal_torch_cams(
    measured: list[tuple[Case, Tensor, Tensor, Pair]],
) -> None:
    """With as many steps as divide the pixels, where both take the same shares."""
    for case, image, shown, pair in measured:
        assert np.unique(case.saliency).size > 0.98 * case.saliency.size
        peer = DeletionInsertionMetric(
            Given(pair.network, shown), partial(torch.softmax, dim=-1), steps=16
        )
        peer.update(image, case.target)
        expected = peer.summary()
        deletion, insertion = Deletion(16)(case).value, Insertion(16, "mean")(case).value
        assert deletion == pytest.approx(100 * expected["deletion_auc"], abs=0.02)
        assert insertion == pytest.approx(100 * expected["insertion_auc"], abs=0.02)


def test_changes_in_confidence_equal_pytorch_grad_cams(
    measured: list[tuple[Case, Tensor, Tensor, Pair]],
) -> None:
    """It has the drop itself, not in parts of the probability."""
    for case, image, shown, pair in measured:
        targets = [ClassifierOutputSoftmaxTarget(case.target)]
        maps = shown.numpy()
        drop = DropInConfidence()(image, maps, targets, pair.network)
        increase = PeerIncrease()(image, maps, targets, pair.network)
        before = float(softmax(case.forward.logits)[case.target])
        found = (AverageDrop()(case).value or 0.0) * before / 100
        assert found == pytest.approx(float(drop[0]), abs=1e-5)
        assert IncreaseInConfidence()(case).value == 100 * float(increase[0])
