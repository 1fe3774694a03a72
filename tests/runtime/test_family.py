"""Score-CAM's relatives, Eigen-CAM and RISE against maps computed on paper, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from arrays import f32
from camruntime.graphs import Forward, LayerOutput, softmax
from camruntime.maps import FloatArray
from camruntime.methods import ISCAM, EigenCAM, EigenGradCAM, make_method
from camruntime.methods._decomposition import by_mean
from numpy_graphs import NumpyGraphs

# Two channels; the image below has their size and is 1/3 in each of 3 channels.
# A_1 = [[0, 2], [4, 2]] -> s(A_1) = [[0, .5], [1, .5]], which sums to 2.
# A_2 = [[3, 1], [1, 1]] -> s(A_2) = [[1, 0], [0, 0]], which sums to 1.
MAPS = f32([[[0, 2], [4, 2]], [[3, 1], [1, 1]]])


class Summed(NumpyGraphs):
    """Activations and gradients given; an image's logits are its sum z and -z: p = sigmoid(2 z)."""

    def __init__(self, maps: FloatArray, gradients: FloatArray | None = None) -> None:
        self.maps, self.given = maps, gradients
        self.calls = self.gradient_calls = 0

    def forward(self, image: FloatArray) -> Forward:
        return Forward(image, self.maps[None], self.tail(self.head(image))[0])

    def head(self, images: FloatArray) -> FloatArray:
        return images

    def tail(self, activations: FloatArray) -> FloatArray:
        total = activations.sum((1, 2, 3))
        return np.stack([total, -total], 1).astype(np.float32)

    def gradients(self, layer: LayerOutput, targets: object) -> FloatArray:
        assert self.given is not None
        return self.given


def third(height: int = 2, width: int = 2) -> FloatArray:
    """An image whose masked sum is its mask's."""
    return np.full((1, 3, height, width), 1 / 3, np.float32)


def sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def test_eigen_cam_on_paper() -> None:
    # A = [[3, 0, 0, 4], [0, 0, 1, 0]]: rows orthogonal, U_1 = (1, 0), so the map is the first row.
    maps = f32([[[3, 0], [0, 4]], [[0, 0], [1, 0]]])
    for sign in (1, -1):  # of all activations: the projection's mean is positive all the same
        graphs = Summed(maps * f32(sign))
        found = EigenCAM()(graphs, graphs.forward(third()), [0, 1]).raw
        np.testing.assert_allclose(found, [maps[0], maps[0]], atol=1e-6)
        assert graphs.calls == 0, "the plain pass is enough"


def test_eigen_cam_of_centred_channels_on_paper() -> None:
    # Means 2 and 1: [[1, -3], [1, 1]] and 0: one direction. Its largest entry, -3, becomes 3.
    maps = f32([[[3, -1], [3, 3]], [[1, 1], [1, 1]]])
    graphs = Summed(maps)
    found = EigenCAM(centred=True)(graphs, graphs.forward(third()), [1]).raw
    np.testing.assert_allclose(found[0], [[0, 3], [0, 0]], atol=1e-6)


def test_a_mean_of_zero_leaves_the_sign_to_the_largest_cell() -> None:
    found = by_mean(f32([[[1, -3], [0, 2]]]), 1)
    np.testing.assert_allclose(found.maps[0], [[-1, 3], [0, -2]], atol=1e-6)


def test_eigen_grad_cam_on_paper() -> None:
    # g * A = [[3, 0, 0, -4], [0, 0, 1, 0]]: orthogonal again, the direction is the first row. With
    # the class map (3, 0, 1, -4), which has the mean 0, it agrees as it is. -g turns all round.
    maps = f32([[[1, 5], [2, 2]], [[1, 1], [1, 1]]])
    gradient = f32([[[3, 0], [0, -2]], [[0, 0], [1, 0]]])
    graphs = Summed(maps, np.stack([gradient, -gradient]))
    found = EigenGradCAM()(graphs, graphs.forward(third()), [0, 1]).raw
    np.testing.assert_allclose(found, [[[3, 0], [0, -4]], [[-3, 0], [0, 4]]], atol=1e-5)


def test_eigen_grad_cam_of_centred_channels_on_paper() -> None:
    # g * A = A = [[3, -1], [3, 3]], mean 2: [[1, -3], [1, 1]]. The class map is the same.
    maps = f32([[[3, -1], [3, 3]], [[1, 1], [1, 1]]])
    graphs = Summed(maps, np.ones((1, 2, 2, 2), np.float32))
    found = EigenGradCAM(centred=True)(graphs, graphs.forward(third()), [0]).raw
    np.testing.assert_allclose(found[0], [[1, 0], [1, 1]], atol=1e-6)


@pytest.mark.parametrize(
    ("preset", "shares"), [("paper", [1 / 3, 2 / 3, 1]), ("cumulative", [1 / 3, 1, 2])]
)
def test_is_cam_by_hand(preset: str, shares: list[float]) -> None:
    """The class's weights are mean sigmoids of twice the masks' sums; the other's are the rest."""
    flat = np.full((1, 2, 2), 7, np.float32)
    graphs = Summed(np.concatenate([MAPS, flat]))
    method = make_method("is-cam", {"preset": preset, "steps": 3})
    found = method(graphs, graphs.forward(third()), [0, 1]).raw
    first, second = (np.mean([sigmoid(2 * share * total) for share in shares]) for total in (2, 1))
    np.testing.assert_allclose(found[0], first * MAPS[0] + second * MAPS[1], rtol=1e-5)
    np.testing.assert_allclose(found[1], (1 - first) * MAPS[0] + (1 - second) * MAPS[1], rtol=1e-5)
    assert graphs.calls == 6, "the flat channel is not shown"


def test_torch_cams_is_cam_by_hand() -> None:
    """Mean logits: twice the masks' sums by 1/2 + 3/2, over 2; flat channels have 0."""
    flat = np.full((3, 2, 2), 7, np.float32)
    maps = np.concatenate([MAPS, flat])
    graphs = Summed(maps)
    found = ISCAM(preset="torch-cam", steps=2)(graphs, graphs.forward(third()), [0]).raw
    weights = softmax(f32([2, 1, 0, 0, 0]))
    np.testing.assert_allclose(found[0], np.tensordot(weights, maps, 1), rtol=1e-5)
    assert graphs.calls == 6, "one blank mask for all flat channels"


@pytest.mark.parametrize("spec", ["eigen-cam", "eigen-cam:centred=True", "is-cam"])
def test_only_flat_channels_show_nothing(spec: str) -> None:
    graphs = Summed(np.full((3, 2, 2), 7, np.float32))
    found = make_method(spec)(graphs, graphs.forward(third()), [0, 1]).raw
    assert found.shape == (2, 2, 2)
    assert np.ptp(found) < 1e-5
