"""A method's maps at several layers as one, on paper and at the layers of a bundle."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import camruntime
from arrays import f32
from camruntime.bundle import Bundle, open_bundle
from camruntime.errors import BundleError, MethodError
from camruntime.explaining.contrasting import ContrastGraphs, Versus
from camruntime.graphs import Forward
from camruntime.maps import FloatArray, bilinear, rescale, saliency
from camruntime.methods import LayerCAM, LayerFusion, Method, ReciproCAM, ScoreCAM, make_method
from every_method import SEVERAL_LAYERS
from numpy_graphs import NumpyGraphs
from test_gradient_methods import MAPS, OnPaper
from two_layers import two_layers

# Layer-CAM on paper, of class 0, is [[7, 0], [6, 0]]: see test_gradient_methods.
FIRST = f32([[1, 0], [6 / 7, 0]])
# Behind the second cut class 0 is the sum of channel 0, so its map is that channel, in a row.
SECOND = f32([[0, 1], [0, 1]])


@dataclass
class InARow(OnPaper):
    """Head: the first two channels of the image, the mean of each column. Tail: channel 0."""

    weights: FloatArray = field(default_factory=lambda: f32([[[[1, 1]], [[0, 0]]]] * 2))

    def head(self, images: FloatArray) -> FloatArray:
        return np.asarray(images[:, :2].mean(2, keepdims=True), np.float32)


def _on_paper(second: NumpyGraphs) -> tuple[OnPaper, Forward]:
    graphs = OnPaper(others=(second,))
    image = np.concatenate([MAPS, np.zeros((1, 2, 2), np.float32)])[None]
    return graphs, graphs.forward(image)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (FIRST + SECOND) / 2),
        ({"fuse": "max"}, [[1, 1], [6 / 7, 1]]),
        ({"scale": "tanh"}, (np.tanh(2 * FIRST) + np.tanh(2 * SECOND)) / 2),
        ({"fuse": "max", "scale": "tanh"}, np.tanh(2 * np.maximum(FIRST, SECOND))),
    ],
)
def test_on_paper(options: dict[str, str], expected: FloatArray) -> None:
    graphs, forward = _on_paper(InARow())
    method = make_method("layers/layer-cam", options)
    assert method == LayerFusion(LayerCAM(), **options)  # type: ignore[arg-type]
    found = method(graphs, forward, [0]).raw
    np.testing.assert_allclose(found, [expected], rtol=1e-6, atol=1e-7)


def test_a_layer_that_shows_nothing_counts_as_zero() -> None:
    flat = InARow(weights=f32([[[[0, 0]], [[0, 0]]]] * 2))
    graphs, forward = _on_paper(flat)
    np.testing.assert_allclose(
        LayerFusion(LayerCAM())(graphs, forward, [0]).raw[0], FIRST / 2, rtol=1e-6
    )
    graphs.weights = graphs.weights * 0
    found = LayerFusion(LayerCAM())(graphs, forward, [0]).raw
    assert not rescale(found).evidence.any()
    np.testing.assert_array_equal(found, np.zeros((1, 2, 2)))


def test_the_first_layer_s_pass_is_not_made_again() -> None:
    """One picture through the second head; what the method asks for is its own."""
    graphs, forward = _on_paper(InARow())
    second = graphs.others[0]
    graphs.calls = second.calls = 0
    LayerFusion(LayerCAM())(graphs, forward, [0])
    assert (graphs.calls, second.calls) == (0, 1)


def test_one_layer_is_refused(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    with pytest.raises(MethodError, match=r"split at one: build its bundle with --layer given sev"):
        LayerFusion(LayerCAM())(numpy_graphs, numpy_graphs.forward(image), [0])
    with pytest.raises(MethodError, match="layers are fused once"):
        LayerFusion(LayerFusion(LayerCAM()))


def test_a_bundle_with_one_layer_is_refused_before_any_work(
    inspector: Path, samples: list[Path]
) -> None:
    explainer = camruntime.load(inspector, ["cpu"])
    with pytest.raises(BundleError, match=r"no graph 'head_2' .*with --layer given several times"):
        explainer.explain(samples[0], "layers/layer-cam")
    assert make_method("layers/layer-cam").needs == {"head_2", "gradient"}
    assert make_method("layers/score-cam").needs == {"head_2", "mask_images"}


@pytest.fixture
def doubled(inspector: Path, tmp_path: Path) -> Bundle:
    return open_bundle(two_layers(inspector, tmp_path / "doubled"))


@pytest.mark.parametrize("method", [LayerCAM(), ScoreCAM(), ReciproCAM()])
def test_of_a_layer_twice_it_is_the_method_s_own_saliency(
    doubled: Bundle, samples: list[Path], method: Method
) -> None:
    explainer = camruntime.load(doubled.folder, ["cpu"])
    for fuse in ("mean", "max"):
        found = explainer.explain(samples[0], LayerFusion(method, fuse=fuse))
        own = explainer.explain(samples[0], method)
        assert found.raw.shape == (128, 128)
        np.testing.assert_allclose(saliency(found.raw, (128, 128))[0], own.saliency, atol=1e-5)


def test_costs_add_up(doubled: Bundle, samples: list[Path]) -> None:
    """A pass and a gradient for each layer; of Recipro-CAM a pass alone."""
    explainer = camruntime.load(doubled.folder, ["cpu"])
    for spec, passes in (("layer-cam", 4), ("recipro-cam", 2), ("score-cam", 2 + 2 * 90)):
        outcome = explainer.outcome(explainer.open(samples[0]), make_method(f"layers/{spec}"))
        assert passes <= outcome.cost.passes <= (194 if spec == "score-cam" else passes)


def test_contrasts_are_fused_as_classes_are(doubled: Bundle, samples: list[Path]) -> None:
    explainer = camruntime.load(doubled.folder, ["cpu"])
    graphs = explainer.graphs()
    forward = graphs.forward(explainer.open(samples[0]).image)
    wider = ContrastGraphs(graphs, (Versus((1,), 0),))
    assert [one.contrasts for one in wider.cuts] == [wider.contrasts] * 2
    found = LayerFusion(LayerCAM())(wider, wider.widened(forward), [5]).raw
    own = LayerCAM()(wider, wider.widened(forward), [5]).raw
    expected = bilinear((16, 16), (128, 128))(rescale(own).maps)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("spec", SEVERAL_LAYERS)
def test_neighbours_chunks_and_other_targets_never_change_a_map(
    doubled: Bundle, samples: list[Path], spec: str
) -> None:
    explainer = camruntime.load(doubled.folder, ["cpu"])
    pictures = [one for one in samples if one.stem in ("scratch-1", "scratch-2", "crack-1")]
    alone = [explainer.explain(one, spec, 2).raw for one in pictures]
    together = explainer.explain(pictures, spec, target=2)
    chunks = camruntime.load(doubled.folder, ["cpu"], chunk=7).explain(pictures, spec, target=2)
    both_classes: Any = [[4, 2]] * 3
    several: Any = explainer.explain(pictures, spec, target=both_classes)
    for own, one, other, both in zip(alone, together, chunks, several, strict=True):
        assert np.ptp(own) > 0
        for found in (one, other, both[1]):
            np.testing.assert_allclose(found.raw, own, atol=1e-5)
