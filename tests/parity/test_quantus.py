"""Metrics against Quantus, where it defines the same quantity, given the same saliency maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from camruntime.datasets import GroundTruth
from camruntime.maps import FloatArray, saliency
from camruntime.metrics import Case, Deletion, EnergyPointingGame, PointingGame
from camruntime.metrics._imputing import imputed
from camruntime.pictures import Picture
from pairs import Pairs

quantus = pytest.importorskip("quantus", reason="Quantus is not installed: pip install quantus")
METHODS = ["grad-cam", "recipro-cam", "layer-cam"]
SIDE = 96
STEPS = 18  # Quantus wants steps that divide the pixels, and here the three channels too

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::UserWarning",
    "ignore:divide by zero:RuntimeWarning",  # AttributionLocalisation's, with one picture
)


@pytest.fixture
def asked(pairs: Pairs, photo: Picture) -> list[tuple[Case, dict[str, Any]]]:
    """A case for every method and half of the picture, and what Quantus takes of the same."""
    pair = pairs("resnet18", SIDE)
    graphs, image = pair.explainer.graphs(), pair.tensor(photo).numpy()
    forward, rng = graphs.forward(image), np.random.default_rng(5)
    found = []
    for name in METHODS:
        method, target = pair.explainer.method(name), int(forward.logits.argmax())
        shown, _ = saliency(method(graphs, forward, [target]).raw[0], image.shape[2:])
        # Equal pixels are taken in another order.
        noise = rng.permutation(shown.size).reshape(shown.shape) / shown.size
        shown = (0.9 * shown + 0.1 * noise).astype(np.float32)
        for half in (slice(0, SIDE // 2), slice(SIDE // 2, SIDE)):
            mask = np.zeros(shown.shape, bool)
            mask[:, half] = True
            case = Case(
                graphs=graphs,
                forward=forward,
                method=method,
                target=target,
                saliency=shown,
                photo_saliency=shown,
                ground_truth=GroundTruth(np.zeros((0, 4), np.float32), mask),
            )
            taken = {
                "model": pair.network,
                "x_batch": image,
                "y_batch": np.array([target]),
                "a_batch": shown[None, None],
                "s_batch": mask[None, None],
                "device": "cpu",
                "softmax": True,
            }
            found.append((case, taken))
    return found


PLAIN = {"normalise": False, "disable_warnings": True}


def test_localisation_equals_quantus(asked: list[tuple[Case, dict[str, Any]]]) -> None:
    points: list[float | None] = []
    masses: list[float] = []
    for case, taken in asked:
        points.append(PointingGame(shape="mask")(case).value)
        masses.append(EnergyPointingGame(shape="mask")(case).value or 0.0)
        assert points[-1] == 100 * float(quantus.PointingGame(**PLAIN)(**taken)[0])
        mass = quantus.RelevanceMassAccuracy(**PLAIN)(**taken)[0]
        assert masses[-1] == pytest.approx(100 * float(mass), abs=1e-3)
        inside = quantus.AttributionLocalisation(**PLAIN)(**taken)[0]
        assert masses[-1] == pytest.approx(100 * float(inside), abs=1e-3)
    assert set(points) == {0, 100}
    assert np.ptp(masses) > 5


def test_deletion_equals_quantus_pixel_flipping(asked: list[tuple[Case, dict[str, Any]]]) -> None:
    """Its curve begins after the first step. The mean colour normalises to 0."""
    for case, taken in asked[::2]:
        features = case.forward.image.size // STEPS
        flipping = quantus.PixelFlipping(
            features_in_step=features, perturb_baseline=0.0, abs=False, **PLAIN
        )
        found = Deletion(STEPS)(case).curve
        channels = np.repeat(taken["a_batch"], 3, axis=1)
        expected = flipping(**{**taken, "a_batch": channels})[0]
        np.testing.assert_allclose(found[1:], expected, atol=1e-6)
        assert np.ptp(found) > 1e-3


@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_guessed_pixels_equal_quantus(share: float, photo: Picture) -> None:
    """Its ROAD counts right answers; what is asked about are the same pictures."""
    picture: FloatArray = np.moveaxis(
        photo[:60, :60].astype(np.float32) / np.float32(60) - 2, -1, 0
    )
    missing = np.random.default_rng(3).random((60, 60)) < share
    impute = quantus.functions.perturb_func.noisy_linear_imputation
    expected = impute(picture, np.flatnonzero(missing), noise=0.0)
    np.testing.assert_allclose(imputed(picture, missing), expected, atol=2e-3)
