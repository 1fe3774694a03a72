"""Methods against closed forms and hand-computed maps, on networks small enough for numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

import camruntime.methods
from arrays import f32
from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs, LayerOutput, softmax
from camruntime.maps import FloatArray, Maps, Upsampling
from camruntime.methods import (
    HELPERS,
    METHODS,
    ReciproCAM,
    ScoreCAM,
    _registry,
    choices,
    make_method,
    register,
    spec_of,
)
from camruntime.methods.recipro_cam import gaussian_masks
from numpy_graphs import NumpyGraphs


def test_every_file_of_the_package_is_a_registered_method() -> None:
    folder = Path(camruntime.methods.__file__).parent
    files = {path.stem for path in folder.glob("[!_]*.py")}
    names = [*METHODS, *HELPERS]
    assert {name.replace("+", "_plus").replace("-", "_") for name in names} == files - {"baselines"}


def test_recipro_cam_equals_cam_over_area_when_the_tail_is_gap_and_linear(
    numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    numpy_graphs.bias[:] = 0
    forward = numpy_graphs.forward(image)
    cam = np.einsum("ck,khw->chw", numpy_graphs.weights, forward.activations[0])
    found = ReciproCAM(score="logit")(numpy_graphs, forward, [2, 0]).raw
    height, width = cam.shape[1:]
    np.testing.assert_allclose(found, cam[[2, 0]] / (height * width), atol=1e-6)


def test_recipro_cam_of_probabilities_by_cell(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    forward = numpy_graphs.forward(image)
    found = ReciproCAM()(numpy_graphs, forward, [1]).raw
    for i, j in ((0, 0), (1, 3), (3, 5)):
        one = np.zeros_like(forward.activations)
        one[..., i, j] = forward.activations[..., i, j]
        assert found[0, i, j] == pytest.approx(softmax(numpy_graphs.tail(one))[0, 1], rel=1e-5)


def test_recipro_cam_with_gaussian_masks_is_a_blur_of_the_closed_form(
    numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    """For GAP + linear, weighting the neighbours' own features blurs CAM, with zeros outside."""
    numpy_graphs.bias[:] = 0
    forward = numpy_graphs.forward(image)
    cam = np.einsum("k,khw->hw", numpy_graphs.weights[1], forward.activations[0])
    kernel = f32([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    blurred = cv2.filter2D(cam, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    found = ReciproCAM(score="logit", mask="gaussian")(numpy_graphs, forward, [1]).raw
    np.testing.assert_allclose(found[0], blurred / cam.size, atol=1e-6)


def test_gaussian_masks_by_hand() -> None:
    masks = gaussian_masks((2, 3)) * 16
    np.testing.assert_array_equal(masks[0], [[4, 2, 0], [2, 1, 0]])
    np.testing.assert_array_equal(masks[4], [[1, 2, 1], [2, 4, 2]])


class TwoChannels(NumpyGraphs):
    """Activations given; every masked image scores what its mask sums to."""

    def __init__(self, maps: FloatArray) -> None:
        self.maps = maps
        self.calls = 0

    def forward(self, image: FloatArray) -> Forward:
        return Forward(image, self.maps[None], f32([0, 0]))

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        self.calls += len(masks)
        shown = (image * upsampling(masks)[:, None]).sum((1, 2, 3))
        return np.stack([shown, -shown], 1).astype(np.float32)

    def logits_of_masked_activations(self, layer: LayerOutput, masks: FloatArray) -> FloatArray:
        raise AssertionError("Score-CAM masks images")


def test_score_cam_by_hand() -> None:
    # The image has the layer's size and is 1/3 in each of 3 channels, so a mask's score is its sum.
    # A_1 = [[0, 2], [4, 2]] -> mask [[0, .5], [1, .5]], score 2.
    # A_2 = [[3, 1], [1, 1]] -> mask [[1, 0], [0, 0]], score 1.
    # w = softmax(2, 1) = (e, 1) / (e + 1).
    maps = f32([[[0, 2], [4, 2]], [[3, 1], [1, 1]]])
    graphs = TwoChannels(maps)
    forward = graphs.forward(np.full((1, 3, 2, 2), 1 / 3, np.float32))
    found = ScoreCAM()(graphs, forward, [0, 1]).raw
    first, second = np.e / (np.e + 1), 1 / (np.e + 1)
    np.testing.assert_allclose(found[0], first * maps[0] + second * maps[1], rtol=1e-6)
    np.testing.assert_allclose(found[1], second * maps[0] + first * maps[1], rtol=1e-6)
    assert graphs.calls == 2


def test_official_score_cam_by_hand() -> None:
    # As above; w = probability of (s, -s) = 1 / (1 + exp(-2 s)) for s = 2 and 1, no softmax over
    # channels.
    maps = f32([[[0, 2], [4, 2]], [[3, 1], [1, 1]]])
    graphs = TwoChannels(maps)
    forward = graphs.forward(np.full((1, 3, 2, 2), 1 / 3, np.float32))
    found = ScoreCAM(preset="official")(graphs, forward, [0]).raw
    expected = maps[0] / (1 + np.exp(-4)) + maps[1] / (1 + np.exp(-2))
    np.testing.assert_allclose(found[0], expected, rtol=1e-6)


def test_official_score_cam_clips_after_upsampling() -> None:
    """ReLU of the upsampled sum is not the upsampled ReLU where the sum changes its sign."""
    maps = f32([[[-1, 1], [-1, 1]]])
    graphs = TwoChannels(maps)
    forward = graphs.forward(np.full((1, 3, 2, 4), 0, np.float32))
    found = ScoreCAM(preset="official")(graphs, forward, [0]).raw
    np.testing.assert_allclose(found[0, 0], [0, 0, 0.25, 0.5], atol=1e-6)


@pytest.mark.parametrize("preset", ["paper", "grad-cam", "torch-cam"])
def test_dead_channels_are_run_once_and_change_nothing(preset: str) -> None:
    """Equal to running every channel, of which the flat ones show a blank image of score 0."""
    live = f32([[[0, 2], [4, 2]], [[3, 1], [1, 1]]])
    maps = np.concatenate([live, np.zeros((5, 2, 2), np.float32)])
    graphs = TwoChannels(maps)
    forward = graphs.forward(np.full((1, 3, 2, 2), 1 / 3, np.float32))
    found = make_method("score-cam", {"preset": preset})(graphs, forward, [0]).raw
    weights = np.exp([2, 1, 0, 0, 0, 0, 0]) / np.exp([2, 1, 0, 0, 0, 0, 0]).sum()
    np.testing.assert_allclose(found[0], np.tensordot(weights, maps, 1), rtol=1e-6)
    assert graphs.calls == 3


@pytest.mark.parametrize("method", [ScoreCAM(), ScoreCAM(preset="official")])
def test_only_flat_channels_give_a_flat_map(method: ScoreCAM) -> None:
    graphs = TwoChannels(np.full((3, 2, 2), 0.7, np.float32))
    found = method(graphs, graphs.forward(np.ones((1, 3, 4, 4), np.float32)), [0]).raw
    assert np.isfinite(found).all()
    assert np.ptp(found) < 1e-6


def test_one_class_has_no_probability_to_lose_and_still_has_a_logit(image: FloatArray) -> None:
    """Softmax over one class is 1 whatever the network sees, so only logits explain it."""
    mix = np.random.default_rng(0).normal(0, 1, (4, 3)).astype(np.float32)
    graphs = NumpyGraphs(mix, f32([[1, -2, 3, 4]]), f32([0]))
    forward = graphs.forward(image)
    assert (ReciproCAM()(graphs, forward, [0]).raw == 1).all()
    cam = np.einsum("k,khw->hw", graphs.weights[0], forward.activations[0])
    found = ReciproCAM(score="logit")(graphs, forward, [0]).raw[0]
    np.testing.assert_allclose(found, cam / cam.size, atol=1e-6)
    assert np.ptp(ScoreCAM()(graphs, forward, [0]).raw) > 0


@pytest.mark.parametrize("name", sorted(METHODS.keys() - {"rise"}))  # which masks the image alone
def test_a_grid_of_one_cell_gives_a_finite_flat_map(name: str, numpy_graphs: NumpyGraphs) -> None:
    forward = numpy_graphs.forward(np.ones((1, 3, 2, 2), np.float32))
    found = make_method(name)(numpy_graphs, forward, [0, 1]).raw
    assert found.shape in ((2, 1, 1), (2, 2, 2))
    assert np.isfinite(found).all()
    assert np.ptp(found, axis=(1, 2)).max() < 1e-6


@pytest.mark.parametrize("name", METHODS)
def test_targets_permute_and_share_their_cost(
    name: str, numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    forward = numpy_graphs.forward(image)
    method = make_method(name)
    one = [method(numpy_graphs, forward, [target]).raw[0] for target in range(3)]
    cost, gradients = numpy_graphs.calls // 3, numpy_graphs.gradient_calls // 3
    numpy_graphs.calls = numpy_graphs.gradient_calls = 0
    together = method(numpy_graphs, forward, [2, 0, 1]).raw
    np.testing.assert_array_equal(together, [one[2], one[0], one[1]])
    # Features and groups differ from target to target, and so do the images that show them.
    assert numpy_graphs.calls == (3 * cost if name in ("decom-cam", "group-cam") else cost)
    assert numpy_graphs.gradient_calls == gradients


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("scorcam", "no method 'scorcam': did you mean score-cam"),
        ("GradCAMM", "no method 'GradCAMM': did you mean grad-cam"),
        ("XScoreCAM:preset=paper", "no method 'XScoreCAM': did you mean score-cam"),
        ("", "no method ''"),
        ("-_", "no method '-_'"),
        ("pp", "no method 'pp'"),
        ("score-cam:presets=paper", "did you mean preset"),
        ("score-cam:preset=mine", r"score-cam\.preset: expected .*'official'"),
        ("score-cam:official", "expected score-cam:option=value, got 'official'"),
    ],
)
def test_bad_specs_say_what_there_is(spec: str, said: str) -> None:
    with pytest.raises(MethodError, match=said):
        make_method(spec)


@dataclass(frozen=True, kw_only=True)
class Options:
    """One option of each type."""

    count: int = 1
    sigma: float = 0.5
    smooth: bool = False
    needs: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        raise AssertionError("never run")


def test_options_in_a_spec_have_their_own_types() -> None:
    register("options")(Options)
    try:
        made = make_method("options:count=7:sigma=2:smooth=true")
        assert made == Options(count=7, sigma=2.0, smooth=True)
        assert spec_of(made) == "options:count=7:sigma=2.0:smooth=True"
        assert make_method(spec_of(made)) == made
        for wrong, said in (
            ("count=2.5", r"options\.count: expected int, found '2\.5'"),
            ("sigma=wide", r"options\.sigma: expected a number, found 'wide'"),
            ("smooth=yes", r"options\.smooth: expected bool, found 'yes'"),
        ):
            with pytest.raises(MethodError, match=said):
                make_method(f"options:{wrong}")
    finally:
        del METHODS["options"]


def test_specs_and_methods_match() -> None:
    for spec in ("score-cam", "score-cam:preset=official", "recipro-cam:score=logit:mask=gaussian"):
        assert spec_of(make_method(spec)) == spec
    assert make_method("recipro-cam", {"mask": "gaussian"}) == ReciproCAM(mask="gaussian")
    assert choices(ReciproCAM)["mask"] == ("cell", "cell, gaussian")


def test_a_method_that_is_registered_anew_is_the_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook, whose cell is run again."""
    monkeypatch.setattr(_registry, "METHODS", {**METHODS})
    made = []
    for unit in ("logit", "probability"):
        kind = type("Mine", (ReciproCAM,), {"unit": unit})
        register("mine-anew")(kind)
        made.append(make_method("mine-anew"))
        assert make_method("mine-anew") is made[-1]
    assert [one.unit for one in made] == ["logit", "probability"]  # type: ignore[attr-defined]
