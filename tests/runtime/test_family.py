"""Score-CAM's relatives, Eigen-CAM and RISE against maps computed on paper, and closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from arrays import f32
from camruntime.errors import MethodError
from camruntime.graphs import Forward, LayerOutput, softmax
from camruntime.maps import FloatArray
from camruntime.methods import (
    ISCAM,
    RISE,
    SSCAM,
    AblationCAM,
    EigenCAM,
    EigenGradCAM,
    ScoreCAM,
    ScoreCAMPlusPlus,
    make_method,
)
from camruntime.methods._decomposition import by_mean
from camruntime.methods._weighted_sum import softmax_weighted_sum
from camruntime.methods.rise import _Masks
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


@pytest.mark.parametrize(
    "spec", ["eigen-cam", "eigen-cam:centred=True", "is-cam", "ss-cam", "ss-cam:variant=2"]
)
def test_only_flat_channels_show_nothing(spec: str) -> None:
    graphs = Summed(np.full((3, 2, 2), 7, np.float32))
    found = make_method(spec)(graphs, graphs.forward(third()), [0, 1]).raw
    assert found.shape == (2, 2, 2)
    assert np.ptp(found) < 1e-5


def test_ablation_cam_of_gap_and_linear(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    """A channel's loss is its weight times its mean; whatever the sign of the logit."""
    numpy_graphs.mix[2] = 0  # a dead channel, which takes no pass
    for bias in (30, -30):
        numpy_graphs.bias[:] = bias
        numpy_graphs.calls = 0
        forward = numpy_graphs.forward(image)
        maps, logits = forward.activations[0], forward.logits
        lost = numpy_graphs.weights * maps.mean((1, 2))
        relative = np.tensordot(lost / np.abs(logits)[:, None], maps, 1)
        assert (np.sign(logits) == np.sign(bias)).all()
        found = AblationCAM()(numpy_graphs, forward, [2, 0]).raw
        assert numpy_graphs.calls == maps.any((1, 2)).sum() <= 3
        np.testing.assert_allclose(found, np.maximum(relative, 0)[[2, 0]], rtol=1e-3, atol=1e-6)
        to_the_letter = AblationCAM(preset="grad-cam")(numpy_graphs, forward, [2, 0]).raw
        turned = np.maximum(np.sign(bias) * relative, 0)[[2, 0]]
        np.testing.assert_allclose(to_the_letter, turned, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("preset", ["paper", "grad-cam"])
def test_ablation_cam_at_a_logit_of_zero(preset: str) -> None:
    """Channels that sum to 5 and -5: without either the logit is -5 or 5. Divided by 1e-6."""
    maps = f32([[[0, 1], [4, 0]], [[-5, 0], [0, 0]]])
    graphs = Summed(maps)
    forward = graphs.forward(np.zeros((1, 3, 2, 2), np.float32))
    found = make_method("ablation-cam", {"preset": preset})(graphs, forward, [0]).raw[0]
    np.testing.assert_allclose(found, 5e6 * np.maximum(maps[0] - maps[1], 0), rtol=1e-5)


def test_score_cam_plus_plus_by_hand() -> None:
    """Gates that sum to a and b < 0: the first raises class 0, the second class 1."""
    maps = f32([[[0, 1], [2, 0]], [[0, 0], [-0.5, 0.25]], [[0, 0], [0, 0]]])
    gates = np.tanh(maps)
    graphs = Summed(maps)
    found = ScoreCAMPlusPlus()(graphs, graphs.forward(third()), [0, 1]).raw
    rises = [sigmoid(2 * gate.sum()) - 0.5 for gate in gates]
    assert rises[0] > 0 > rises[1]
    np.testing.assert_allclose(found[0], rises[0] * gates[0], rtol=1e-5)
    np.testing.assert_allclose(found[1], np.maximum(-rises[1] * gates[1], 0), rtol=1e-5)
    assert graphs.calls == 3, "the channel of zeros is the blank one"
    every = ScoreCAMPlusPlus(select=False)(graphs, graphs.forward(third()), [0]).raw[0]
    summed = rises[0] * gates[0] + rises[1] * gates[1]
    np.testing.assert_allclose(every, np.maximum(summed, 0), rtol=1e-5)


def test_ss_cam_without_noise(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    """Variant 2 is the authors' Score-CAM then, and torch-cam's is torch-cam's."""
    forward = numpy_graphs.forward(image)
    for preset, variant, same in (("paper", 2, "official"), ("torch-cam", 1, "torch-cam")):
        options = {"preset": preset, "variant": variant, "sigma": 0.0, "samples": 3}
        found = make_method("ss-cam", options)(numpy_graphs, forward, [2, 0]).raw
        wanted = make_method("score-cam", {"preset": same})(numpy_graphs, forward, [2, 0]).raw
        np.testing.assert_allclose(found, wanted, rtol=1e-5)
    assert ScoreCAM(preset="official")(numpy_graphs, forward, [2]).raw.any()


@pytest.mark.parametrize(("preset", "power"), [("paper", 1), ("official", 2)])
@pytest.mark.parametrize("variant", [1, 2])
def test_ss_cam_by_hand(preset: str, power: int, variant: int) -> None:
    """Sums are those of A_k or s(A_k) and of the noise, times sigma over the range."""
    flat = np.full((1, 2, 2), 7, np.float32)
    graphs = Summed(np.concatenate([MAPS / 8, flat]))
    options = {"preset": preset, "variant": variant, "samples": 3, "sigma": 0.1, "seed": 4}
    found = make_method("ss-cam", options)(graphs, graphs.forward(third()), [0]).raw[0]
    if variant == 1:
        drawn = np.random.default_rng(4).standard_normal((3, 2, 2), np.float32).sum((1, 2))
        sums, ranges = (8 / 8, 6 / 8), (4 / 8, 2 / 8)
    else:
        drawn = np.random.default_rng(4).standard_normal((3, 3, 2, 2), np.float32).sum((1, 2, 3))
        sums, ranges = (2, 1), (1 / 3, 1 / 3)
    first, second = (
        np.mean([sigmoid(2 * (total + (0.1 / reach) ** power * one)) for one in drawn])
        for total, reach in zip(sums, ranges, strict=True)
    )
    np.testing.assert_allclose(found, (first * MAPS[0] + second * MAPS[1]) / 8, rtol=1e-4)
    assert graphs.calls == 6, "the flat channel is not shown"


def test_torch_cams_ss_cam_shows_one_mask_of_noise_for_all_flat_channels() -> None:
    """Mean logits are the masks' sums and that of the noise, which vanishes in the softmax."""
    maps = np.concatenate([MAPS, np.full((3, 2, 2), 7, np.float32)])
    graphs = Summed(maps)
    method = SSCAM(preset="torch-cam", samples=2)
    found = method(graphs, graphs.forward(third()), [0]).raw[0]
    np.testing.assert_allclose(
        found, np.tensordot(softmax(f32([2, 1, 0, 0, 0])), maps, 1), rtol=1e-4
    )
    assert graphs.calls == 6


def test_ss_cam_goes_through_the_channels_in_rounds() -> None:
    """Of 16 at most: 40 channels, each alone and with the others."""
    maps = np.random.default_rng(0).random((40, 3, 4)).astype(np.float32)
    image = np.random.default_rng(1).random((1, 3, 6, 8), np.float32) * np.float32(0.05)
    method = SSCAM(samples=2, sigma=0.05)
    graphs = Summed(maps)
    together = method(graphs, graphs.forward(image), [0]).raw
    each = [Summed(one[None]) for one in maps]
    alone = [method(one, one.forward(image), [0]).raw for one in each]
    np.testing.assert_allclose(together, np.sum(alone, 0), rtol=1e-4)


def test_masks_of_rise_by_hand() -> None:
    # A grid of 2 x 2 becomes 6 x 6: along a side 0, 0, 1/3, 2/3, 1, 1 of the second cell.
    drawn = _Masks.drawn(RISE(masks=50, grid=2, seed=3), (4, 3))
    assert set(drawn.places[:, 0].tolist()) == {0, 1}
    ramp = np.array([0, 0, 1 / 3, 2 / 3, 1, 1])
    for grid, (y, x), mask in zip(drawn.grids, drawn.places, drawn.made(), strict=True):
        down, across = ramp[y : y + 4, None], ramp[x : x + 3]
        upper = grid[0, 0] * (1 - across) + grid[0, 1] * across
        lower = grid[1, 0] * (1 - across) + grid[1, 1] * across
        np.testing.assert_allclose(mask, (1 - down) * upper + down * lower, atol=1e-6)
    weights = np.random.default_rng(0).random(50)
    summed = np.tensordot(weights, drawn.made(), 1)
    np.testing.assert_allclose(drawn.sum(weights), summed, rtol=1e-5)


def test_rise_where_every_mask_is_known(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    """All cells kept: the plain probability. A single cell: all of the image or none of it."""
    forward = numpy_graphs.forward(image)
    own = forward.probabilities()
    found = RISE(masks=9, keep=1.0)(numpy_graphs, forward, [2, 0]).raw
    np.testing.assert_allclose(found[0], np.full((8, 12), own[2]), rtol=1e-5)
    np.testing.assert_allclose(found[1], np.full((8, 12), own[0]), rtol=1e-5)
    whole = int((np.random.default_rng(5).random((600, 1, 1)) < 0.3).sum())
    found = RISE(masks=600, grid=1, keep=0.3, seed=5)(numpy_graphs, forward, [1]).raw
    np.testing.assert_allclose(found, np.full((1, 8, 12), whole * own[1] / (600 * 0.3)), rtol=1e-4)


def blurred_by_hand(image: FloatArray) -> FloatArray:
    """51 x 51 of sigma 50, pixel by pixel; past the border mirrored without repeating it."""
    offsets = np.arange(-25, 26)
    kernel = np.exp(-(offsets**2) / (2 * 50**2))
    kernel /= kernel.sum()
    out = np.zeros(image.shape)
    for y, x in np.ndindex(2, 2):  # two pixels, mirrored without repeating: they take turns
        rows, columns = (y + offsets) % 2, (x + offsets) % 2
        window = image[0][:, rows[:, None], columns].astype(np.float64)
        out[0, :, y, x] = kernel @ window @ kernel
    return out.astype(np.float32)


@pytest.mark.parametrize("preset", ["paper", "official"])
def test_group_cam_by_hand(preset: str) -> None:
    # Mean gradients 1, -1 and 2; groups of two channels and of one. The first is
    # ReLU(A_1 - A_2) = [[0, 1], [3, 1]], the second 2 A_3 = [[0, 0], [0, 4]].
    # Their 70th percentiles are 1 + 0.1 * 2 = 1.2 and 0.1 * 4: the authors keep one cell of each.
    maps = np.concatenate([MAPS, f32([[[0, 0], [0, 2]]])])
    gradient = np.zeros((1, 3, 2, 2), np.float32)
    gradient[0, :, 0, 0] = [4, -4, 8]
    graphs = Summed(maps, gradient)
    image = np.random.default_rng(2).random((1, 3, 2, 2)).astype(np.float32)
    found = make_method("group-cam", {"preset": preset, "groups": 2})(
        graphs, graphs.forward(image), [0]
    ).raw[0]
    groups = f32([[[0, 1], [3, 1]], [[0, 0], [0, 4]]])
    if preset == "official":
        groups = f32([[[0, 0], [3, 0]], [[0, 0], [0, 4]]])
    soft = blurred_by_hand(image)
    nothing = sigmoid(2 * soft.sum())
    expected = np.zeros((2, 2))
    gains = []
    for group in groups:
        mask = group / group.max()
        gains.append(sigmoid(2 * (image * mask + soft * (1 - mask)).sum()) - nothing)
        expected += gains[-1] * mask if preset == "official" else max(gains[-1], 0) * group
    assert min(gains) < 0 < max(gains)
    np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-3, atol=1e-6)
    assert graphs.calls == 3


@pytest.mark.parametrize("seed", [0, 7])
def test_the_same_picture_has_the_same_map(
    numpy_graphs: NumpyGraphs, image: FloatArray, seed: int
) -> None:
    forward = numpy_graphs.forward(image)
    for spec in ("rise:masks=20", "ss-cam:samples=2", "ss-cam:samples=2:variant=2"):
        once, twice, other = (
            make_method(f"{spec}:seed={one}")(numpy_graphs, forward, [0]).raw
            for one in (seed, seed, seed + 1)
        )
        np.testing.assert_array_equal(once, twice)
        assert not np.allclose(once, other)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("is-cam:steps=0", "is-cam: steps is at least 1, got 0"),
        ("ss-cam:samples=0", "ss-cam: samples is at least 1, got 0"),
        ("ss-cam:sigma=-1", "ss-cam: sigma is at least 0, got -1"),
        ("ss-cam:seed=-1", "ss-cam: seed is at least 0, got -1"),
        ("ss-cam:variant=3", r"ss-cam\.variant: expected"),
        ("ss-cam:preset=torch-cam:variant=2", "torch-cam has no variant 2: take preset=paper"),
        ("rise:masks=0", "rise: masks is at least 1, got 0"),
        ("rise:grid=0", "rise: grid is at least 1, got 0"),
        ("rise:keep=0", r"rise: keep is at least 0\.001, got 0"),
        ("rise:masks=100000:grid=15", "rise: masks x grid x grid is at most 20,000,000"),
        ("rise:keep=1.5", "rise: keep is at most 1, got 1.5"),
        ("rise:seed=-1", "rise: seed is at least 0, got -1"),
        ("group-cam:groups=0", "group-cam: groups is at least 1, got 0"),
    ],
)
def test_bad_options_say_what_there_is(spec: str, said: str) -> None:
    with pytest.raises(MethodError, match=said):
        make_method(spec)


def test_softmax_of_scores_weighs_maps_by_hand() -> None:
    """Weights 3/4 and 1/4 for one target, 1/2 each for the other; what is negative is cut off."""
    maps = np.array([[[4.0, -4.0]], [[0.0, 8.0]]], np.float32)
    scores = np.log(np.array([[3.0, 1.0], [1.0, 1.0]], np.float32))
    found = softmax_weighted_sum(scores, maps)
    np.testing.assert_allclose(found, [[[3, 0]], [[2, 2]]], atol=1e-6)
    np.testing.assert_allclose(softmax_weighted_sum(scores[:1] + 5, maps), found[:1], atol=1e-6)
    maps[1, 0, 1] = 4
    np.testing.assert_allclose(softmax_weighted_sum(scores[:1], maps), [[[3, 0]]], atol=1e-6)
