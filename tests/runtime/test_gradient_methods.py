"""The Grad-CAM family, Decom-CAM and Feature CAM against maps computed on paper, and identities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from arrays import f32
from camruntime.errors import MethodError
from camruntime.graphs import Edges, Forward, LayerOutput, Occlusion, softmax
from camruntime.maps import FloatArray, Upsampling
from camruntime.methods import (
    CAM,
    DecomCAM,
    FeatureCAM,
    GradCAM,
    GradCAMPlusPlus,
    HiResCAM,
    IntegratedGradCAM,
    LayerCAM,
    SmoothGradCAMPlusPlus,
    WGradCAM,
    XGradCAM,
    make_method,
)
from camruntime.methods._decomposition import by_class_map, by_largest_cell
from camruntime.pictures import gaussian_blur
from numpy_graphs import NumpyGraphs

# The network on paper: two channels on a 2x2 grid, and for each class a weight at every cell,
# y_c = sum_k sum_ij W_ckij A_kij, so that the gradient of y_c is W_c.
MAPS = f32([[[1, 2], [3, 4]], [[2, 0], [0, 2]]])
WEIGHTS = f32([[[[1, -1], [2, 0]], [[3, 1], [-1, -1]]], [[[-1, -1], [-1, -1]], [[1, 1], [1, 1]]]])


@dataclass
class OnPaper(NumpyGraphs):
    """Head: the first two channels of the image. Tail: `WEIGHTS`."""

    mix: FloatArray = field(default_factory=lambda: f32([[0]]))
    weights: FloatArray = field(default_factory=lambda: WEIGHTS)
    bias: FloatArray = field(default_factory=lambda: f32([0, 0]))

    def head(self, images: FloatArray) -> FloatArray:
        return images[:, :2]

    def tail(self, activations: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("ckij,nkij->nc", self.weights, activations), np.float32)

    def gradients(self, layer: LayerOutput, targets: Sequence[int]) -> FloatArray:
        return self.weights[list(targets)]


def _on_paper() -> tuple[OnPaper, Forward]:
    graphs = OnPaper()
    image = np.concatenate([MAPS, np.zeros((1, 2, 2), np.float32)])[None]
    return graphs, graphs.forward(image)


def test_grad_cam_on_paper() -> None:
    # GAP(g_1) = (1 - 1 + 2 + 0) / 4 = 1/2, GAP(g_2) = (3 + 1 - 1 - 1) / 4 = 1/2.
    # [[1, 2], [3, 4]] / 2 + [[2, 0], [0, 2]] / 2 = [[1.5, 1], [1.5, 3]].
    # Class 1: weights -1 and 1: [[1, -2], [-3, -2]], of which the ReLU leaves one cell.
    graphs, forward = _on_paper()
    found = GradCAM()(graphs, forward, [0, 1]).raw
    np.testing.assert_allclose(found, f32([[[1.5, 1], [1.5, 3]], [[1, 0], [0, 0]]]), rtol=1e-6)


def test_grad_cam_plus_plus_on_paper() -> None:
    # a = g^2 / (2 g^2 + S g^3), S_1 = 1 + 2 + 3 + 4 = 10, S_2 = 4; only g > 0 counts.
    # Channel 1: g = 1: 1 / (2 + 10) = 1/12; g = 2: 4 / (8 + 80) = 1/22. w_1 = 1/12 + 2/22.
    # Channel 2: g = 3: 9 / (18 + 108) = 1/14; g = 1: 1 / (2 + 4) = 1/6. w_2 = 3/14 + 1/6.
    graphs, forward = _on_paper()
    first, second = 1 / 12 + 2 / 22, 3 / 14 + 1 / 6
    expected = f32([[first + 2 * second, 2 * first], [3 * first, 4 * first + 2 * second]])
    np.testing.assert_allclose(GradCAMPlusPlus()(graphs, forward, [0]).raw[0], expected, rtol=1e-6)


def test_grad_cam_plus_plus_at_the_smallest_gradients() -> None:
    """Powers of such a gradient underflow; the quotient does not: 1 / 2 and 1 / 2."""
    graphs, forward = _on_paper()
    graphs.weights = WEIGHTS * f32(1e-30)
    found = GradCAMPlusPlus()(graphs, forward, [0]).raw[0]
    expected = (1.5 * MAPS[0] + 2 * MAPS[1]) * 1e-30
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_xgrad_cam_on_paper() -> None:
    # w_1 = (1*1 - 1*2 + 2*3 + 0*4) / 10 = 1/2, w_2 = (3*2 + 0 + 0 - 2) / 4 = 1.
    # [[0.5 + 2, 1], [1.5, 2 + 2]].
    graphs, forward = _on_paper()
    found = XGradCAM()(graphs, forward, [0]).raw[0]
    np.testing.assert_allclose(found, [[2.5, 1], [1.5, 4]], rtol=1e-6)


def test_layer_cam_on_paper() -> None:
    # ReLU(g) * A: [[1, 0], [6, 0]] + [[6, 0], [0, 0]].
    graphs, forward = _on_paper()
    np.testing.assert_array_equal(LayerCAM()(graphs, forward, [0]).raw[0], [[7, 0], [6, 0]])


def test_hires_cam_on_paper() -> None:
    # g * A: [[1, -2], [6, 0]] + [[6, 0], [0, -2]] = [[7, -2], [6, -2]], then ReLU.
    graphs, forward = _on_paper()
    np.testing.assert_array_equal(HiResCAM()(graphs, forward, [0]).raw[0], [[7, 0], [6, 0]])


def test_wgrad_cam_on_paper() -> None:
    # w_1 = (1 - 2 + 6 + 0) / 4 = 5/4, w_2 = (6 - 2) / 4 = 1.
    graphs, forward = _on_paper()
    found = WGradCAM()(graphs, forward, [0]).raw[0]
    np.testing.assert_allclose(found, f32([[1.25 + 2, 2.5], [3.75, 5 + 2]]), rtol=1e-6)


def test_integrated_grad_cam_on_paper() -> None:
    # The tail is linear and black is 0: A(x_i) - A(x_0) = i/n A. The mean of i/4 is 5/8.
    graphs, forward = _on_paper()
    found = IntegratedGradCAM(steps=4)(graphs, forward, [0]).raw[0]
    np.testing.assert_allclose(found, 5 / 8 * f32([[1.5, 1], [1.5, 3]]), rtol=1e-6)


def test_smooth_grad_cam_plus_plus_without_noise_is_grad_cam_plus_plus() -> None:
    graphs, forward = _on_paper()
    found = SmoothGradCAMPlusPlus(sigma=0.0)(graphs, forward, [0, 1]).raw
    np.testing.assert_allclose(found, GradCAMPlusPlus()(graphs, forward, [0, 1]).raw, rtol=1e-6)
    noisy = [SmoothGradCAMPlusPlus(seed=seed)(graphs, forward, [0]).raw for seed in (0, 0, 1)]
    np.testing.assert_array_equal(noisy[0], noisy[1])
    assert not np.allclose(noisy[0], noisy[2])


def test_decomposition_on_paper() -> None:
    # S = [[3, 0, 0, 4], [0, 0, 5, 0]], rows orthogonal: singular values 5 and 5 would tie, so the
    # second is halved. V_1 = (3, 0, 0, 4)/5, V_2 = (0, 0, 1, 0), sigma 5 and 2.5.
    # sum_k S_k = (3, 0, 2.5, 4), mean 2.375: centred (0.625, -2.375, 0.125, 1.625).
    # F_1 = (3, 0, 0, 4): product 1.875 + 6.5 > 0. F_2 = (0, 0, 2.5, 0): 0.3125 > 0. Both stay.
    found = by_class_map(f32([[[3, 0], [0, 4]], [[0, 0], [2.5, 0]]]), 5)
    np.testing.assert_allclose(found.singular_values, [5, 2.5], rtol=1e-6)
    np.testing.assert_allclose(found.maps, f32([[[3, 0], [0, 4]], [[0, 0], [2.5, 0]]]), atol=1e-6)
    np.testing.assert_allclose(found.explained_variance, [0.8, 0.2], rtol=1e-6)


def test_decom_cam_on_paper() -> None:
    # With the weights and the image below, S = g * A is that of the test before:
    # F_1 = [[3, 0], [0, 4]], F_2 = [[0, 0], [2.5, 0]].
    # The image has the layer's size: H_1 = [[.75, 0], [0, 1]], H_2 = [[0, 0], [1, 0]].
    # y of an occluded image max(x H, B (1 - H)) and of B itself by the same weights.
    graphs, forward = _on_paper()
    graphs.weights = f32([[[[3, 0], [0, 1]], [[0, 0], [2.5, 0]]]])
    image = f32([[[[1, 0], [0, 4]], [[0, 0], [1, 0]], [[0, 0], [0, 0]]]]) * np.float32(0.25)
    graphs.weights = graphs.weights * 4
    forward = graphs.forward(image)
    found = DecomCAM(sigma=0.5)(graphs, forward, [0])
    blurred = gaussian_blur(image, 0.5)
    masks = f32([[[0.75, 0], [0, 1]], [[0, 0], [1, 0]]])
    gains = []
    for mask in masks:
        occluded = np.maximum(image * mask, blurred * (1 - mask))
        gains.append(float(((occluded - blurred)[0, :2] * graphs.weights[0]).sum()))
    weights = softmax(f32(gains))
    np.testing.assert_allclose(found.components[0].contributions, gains, rtol=1e-5)
    np.testing.assert_allclose(found.raw[0], np.tensordot(weights, masks, 1), rtol=1e-5)


@pytest.mark.parametrize("decompose", [by_class_map, by_largest_cell])
def test_features_are_orthogonal_and_know_their_norms(decompose: object) -> None:
    """Equation 7: `F F^T` is the diagonal of squared singular values; the sum is all variance."""
    stack = np.random.default_rng(3).normal(0.2, 1, (12, 4, 5)).astype(np.float32)
    found = decompose(stack, 100)  # type: ignore[operator]
    flat = found.maps.reshape(len(found.maps), -1).astype(np.float64)
    gram = flat @ flat.T
    np.testing.assert_allclose(np.diag(gram), found.singular_values**2, rtol=1e-5)
    assert np.abs(gram - np.diag(np.diag(gram))).max() < 1e-5 * gram.max()
    assert found.explained_variance.sum() == pytest.approx(1)
    expected = stack.reshape(12, -1)
    if decompose is by_largest_cell:
        expected = expected - expected.mean(1, keepdims=True)
    values = np.linalg.svd(expected, compute_uv=False)[: len(flat)]
    np.testing.assert_allclose(found.singular_values, values, rtol=1e-5)


@pytest.mark.parametrize("decompose", [by_class_map, by_largest_cell])
def test_signs_and_channel_order_change_nothing(
    decompose: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(4)
    stack = rng.normal(0.2, 1, (12, 4, 5)).astype(np.float32)
    once = decompose(stack, 6)  # type: ignore[operator]
    permuted = decompose(stack[rng.permutation(12)], 6)  # type: ignore[operator]
    np.testing.assert_allclose(permuted.maps, once.maps, atol=1e-5)
    solver = np.linalg.eigh

    def negated(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        values, vectors = solver(matrix)
        return values, -vectors

    monkeypatch.setattr(np.linalg, "eigh", negated)
    np.testing.assert_array_equal(decompose(stack, 6).maps, once.maps)  # type: ignore[operator]


def test_a_tie_is_decided_by_the_largest_cell() -> None:
    """Two channels that cancel: the class map is zero and correlates with nothing."""
    found = by_class_map(f32([[[1, -3], [0, 2]], [[-1, 3], [0, -2]]]), 2)
    assert len(found.maps) == 1
    np.testing.assert_allclose(found.maps[0] / found.maps[0, 0, 1], f32([[-1, 3], [0, -2]]) / 3)
    assert found.maps[0, 0, 1] > 0


def test_cam_on_gap_and_linear(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    forward = numpy_graphs.forward(image)
    expected = np.einsum("ck,khw->chw", numpy_graphs.weights, forward.activations[0])
    cells = expected[0].size
    found = CAM()(numpy_graphs, forward, [2, 0]).raw
    np.testing.assert_allclose(found, expected[[2, 0]], rtol=1e-5, atol=1e-5)
    grad = GradCAM()(numpy_graphs, forward, [2, 0]).raw
    np.testing.assert_allclose(grad, np.maximum(found, 0) / cells, rtol=1e-5, atol=1e-6)


def test_cam_refuses_another_tail() -> None:
    graphs, forward = _on_paper()
    with pytest.raises(MethodError, match=r"the gradient depends on the cell .* use grad-cam"):
        CAM()(graphs, forward, [0])


@dataclass
class Drawn(OnPaper):
    """Edges that are given."""

    drawn: FloatArray = field(default_factory=lambda: f32([[1, 0], [0.5, 0]]))

    def edges(self, pixels: FloatArray, source: str) -> Edges:
        return Edges(self.drawn, source)


# M = Grad-CAM's map of class 0, [[1.5, 1], [1.5, 3]], rescaled: [[1/4, 0], [1/4, 1]].
# The picture is grey 0.4 in a corner only: G = [[0.4, 0], [0, 0]]. E = [[1, 0], [0.5, 0]].
M, G, E = f32([[0.25, 0], [0.25, 1]]), f32([[0.4, 0], [0, 0]]), f32([[1, 0], [0.5, 0]])
FEATURES = {1: E, 2: (2 * G + E) / 3, 3: (G + E) / 2}
COMBINED = {1: lambda f: 0.25 * f + M, 2: lambda f: f * M, 3: lambda f: (1 - f) * M}


@pytest.mark.parametrize("experiment", COMBINED)
@pytest.mark.parametrize("input_", FEATURES)
def test_feature_cam_on_paper(input_: int, experiment: int) -> None:
    graphs = Drawn()
    graphs.weights = WEIGHTS
    forward = Forward(f32([[[[0.4, 0], [0, 0]]] * 3]), MAPS[None], f32([0, 0]))
    method = make_method("feature-cam", {"input": input_, "experiment": experiment})
    found = method(graphs, forward, [0])
    assert found.edges == "auto"
    np.testing.assert_allclose(found.raw[0], COMBINED[experiment](FEATURES[input_]), atol=1e-6)


def test_the_papers_five() -> None:
    chosen = [make_method(f"ours-{number}:base=grad-cam++") for number in range(1, 6)]
    assert all(isinstance(one, FeatureCAM) and one.base == "grad-cam++" for one in chosen)
    pairs = [(one.input, one.experiment) for one in chosen if isinstance(one, FeatureCAM)]
    assert pairs == [(2, 1), (3, 1), (1, 1), (3, 3), (1, 3)]


def test_edges_alone_are_no_evidence() -> None:
    graphs = Drawn()
    graphs.weights = WEIGHTS * 0
    forward = graphs.forward(f32([[[[0.4, 0], [0, 0]]] * 3]))
    assert not FeatureCAM()(graphs, forward, [0, 1]).raw.any()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("feature-cam:k=0.7", "k is at most 0.5, got 0.7"),
        ("feature-cam:k=-1", "k is at least 0, got -1"),
        ("feature-cam:input=4", r"feature-cam\.input: expected"),
        ("decom-cam:components=0", "components is at least 1, got 0"),
        ("smooth-grad-cam++:samples=0", "samples is at least 1, got 0"),
        ("integrated-grad-cam:steps=0", "steps is at least 1, got 0"),
        ("ours-6", "did you mean ours-"),
    ],
)
def test_bad_options_say_what_there_is(spec: str, said: str) -> None:
    with pytest.raises(MethodError, match=said):
        make_method(spec)


def test_an_occlusion_is_normalised_afterwards(numpy_graphs: NumpyGraphs) -> None:
    """Dividing by std first and subtracting mean / std last is normalising the maximum."""
    rng = np.random.default_rng(0)
    sharp, soft = rng.random((2, 1, 3, 4, 4)).astype(np.float32)
    masks = rng.random((3, 4, 4)).astype(np.float32)
    mean, std = f32([0.4, 0.5, 0.6]).reshape(1, 3, 1, 1), f32([0.2, 0.3, 0.1]).reshape(1, 3, 1, 1)
    same = Upsampling(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32))
    found = numpy_graphs.logits_of_occluded_images(
        Occlusion(sharp / std, soft / std, mean / std), masks, same
    )
    shown = masks[:, None]
    pixels = np.maximum(sharp * shown, soft * (1 - shown))
    expected = numpy_graphs.logits(((pixels - mean) / std).astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
