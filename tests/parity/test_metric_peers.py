"""Metrics against torch-cam and pytorch-grad-cam, given the same saliency maps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pytorch_grad_cam.metrics import arcc as peers_arcc
from pytorch_grad_cam.metrics.cam_mult_image import DropInConfidence
from pytorch_grad_cam.metrics.cam_mult_image import IncreaseInConfidence as PeerIncrease
from pytorch_grad_cam.metrics.perturbation_confidence import (
    PerturbationConfidenceMetric,
    RemoveLeastRelevantFirst,
    RemoveMostRelevantFirst,
)
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget
from torch import Tensor, nn
from torchcam.metrics import ClassificationMetric, DeletionInsertionMetric

from camruntime.graphs import softmax
from camruntime.maps import FloatArray, saliency
from camruntime.metrics import (
    ARCC,
    AverageDrop,
    Case,
    Deletion,
    IncreaseInConfidence,
    Insertion,
    Road,
    RoadLeRF,
    RoadMoRF,
)
from camruntime.metrics._imputing import imputed
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


def _road(
    kind: type[RemoveMostRelevantFirst],
) -> Callable[[Tensor, Any, list[Any], nn.Module], Any]:
    """The peer's mean score at 20, 40, 60 and 80 percent, without its unseeded noise."""

    def score(image: Tensor, maps: Any, targets: list[Any], network: nn.Module) -> Any:
        removals = [kind(kept, NoisyLinearImputer(noise=0)) for kept in (20, 40, 60, 80)]
        metrics = [PerturbationConfidenceMetric(removal) for removal in removals]
        found = [one(image, maps, targets, network, return_diff=False) for one in metrics]
        return np.mean(found, axis=0)

    return score


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # its own
def test_road_and_arcc_equal_pytorch_grad_cams(
    measured: list[tuple[Case, Tensor, Tensor, Pair]],
) -> None:
    """Its percentiles say what is kept; its ROAD is half of ours, and in shares."""
    most, least = _road(RemoveMostRelevantFirst), _road(RemoveLeastRelevantFirst)
    for case, image, shown, pair in measured[:6]:  # its solver takes its time
        targets, maps = [ClassifierOutputSoftmaxTarget(case.target)], shown.numpy()
        asked = image, maps, targets, pair.network
        for metric, peer in ((RoadMoRF(noise=0), most), (RoadLeRF(noise=0), least)):
            assert metric(case).value == pytest.approx(100 * float(peer(*asked)[0]), abs=0.1)

        whole = peers_arcc.ARCC(Again(case.seen_saliency[None]))
        whole.road = Halved(most, least)
        case.results[Road()] = Road(noise=0)(case)
        expected = 100 * float(whole(*asked)[0])
        if np.ptp(case.seen_saliency):
            assert ARCC()(case).value == pytest.approx(expected, abs=0.1)
        else:  # a flat map correlates with nothing; the peer then has a coherency of a half
            assert ARCC()(case).value == 0


class Again:
    """Stands in for a method of pytorch-grad-cam's: the second map is there already."""

    def __init__(self, maps: FloatArray) -> None:
        self._maps = maps

    def __call__(self, **_named: Any) -> FloatArray:
        return self._maps


class Halved:
    """`ROADCombined` of two means."""

    def __init__(self, most: Callable[..., Any], least: Callable[..., Any]) -> None:
        self._most, self._least = most, least

    def __call__(self, *asked: Any) -> Any:
        return (self._least(*asked) - self._most(*asked)) / 2


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")  # its own
@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_guessed_pixels_equal_pytorch_grad_cams(share: float, photo: Picture) -> None:
    picture = np.moveaxis(photo[:90, :120].astype(np.float32) / np.float32(60) - 2, -1, 0)
    missing = np.random.default_rng(3).random((90, 120)) < share
    missing[20:60, 30:70] = True
    there = torch.from_numpy((~missing).astype(np.float32))
    expected = NoisyLinearImputer(noise=0)(torch.from_numpy(picture), there).numpy()
    np.testing.assert_allclose(imputed(picture, missing), expected, atol=2e-3)
