"""The entry point, on the shipped bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pytest

import camruntime
from camruntime import Explainer, ReciproCAM
from camruntime.engine import OnnxGraphs
from camruntime.errors import BundleError, CamError, EdgeModelError, MethodError, TargetError
from camruntime.explanation import Explanation
from camruntime.graphs import Forward, Graphs, softmax
from camruntime.maps import Maps
from camruntime.methods import BASELINES, METHODS, register
from camruntime.pictures import prepare, read_picture
from edge_models import write_edge_model
from every_method import EVERY, SHARED, every_but

_WALKED = every_but(
    {
        **dict.fromkeys(BASELINES, "asks no network"),
        "decom-cam": "rescales every feature to [0, 1], so that weak ones spread over the picture",
        "rise": "40 masks of 7 x 7 cells leave noise on all of the picture",
    }
)
ON_DEFECTS = [one for one in _WALKED if "variant=2" not in one]
"""Without SS-CAM's noise on the image itself, of which two samples are no mean."""

FLAT = {"uniform", "score-cam++:select=False"}
"""The latter for `good`: what speaks against it outweighs what speaks for it, everywhere."""


# An edge model that is none. One node: Identity from `image` to `edges`, both float32 (n, 3, H, W).
_SAME = bytes.fromhex(
    "080a3a650a180a05696d6167651205656467657322084964656e746974791201675a220a05696d61"
    "676512190a17080112130a0312016e0a0208030a031201480a0312015762220a0565646765731219"
    "0a17080112130a0312016e0a0208030a031201480a0312015742040a001014"
)


@pytest.fixture(scope="module")
def explainer() -> Explainer:
    return camruntime.load(Path(__file__).parents[2] / "exported_models" / "inspector", ["cpu"])


def _named(samples: list[Path], name: str) -> Path:
    return next(path for path in samples if path.stem == name)


def test_every_sample_gets_its_label(explainer: Explainer, samples: list[Path]) -> None:
    assert len(samples) == 10
    for path, explanation in zip(samples, explainer.explain(samples), strict=True):
        assert explanation.predicted.label == path.stem.partition("-")[0]
        assert explanation.target == explanation.predicted
        assert explanation.predicted.probability > 0.8


@pytest.mark.parametrize("spec", ON_DEFECTS)
def test_maps_lie_on_the_defects(explainer: Explainer, samples: list[Path], spec: str) -> None:
    """The saliency on the defect and one cell around it is far above that elsewhere."""
    for path in samples:
        if path.stem.startswith("good"):
            continue
        mask = read_picture(path.parent / "masks" / path.name)[..., 0]
        near = cv2.dilate(mask, np.ones((17, 17), np.uint8)) > 0
        saliency = explainer.explain(path, spec).photo_saliency
        assert saliency[near].mean() > 4 * saliency[~near].mean(), path.stem
        assert near.flat[saliency.argmax()], path.stem


def test_what_an_explanation_holds(explainer: Explainer, samples: list[Path]) -> None:
    path = _named(samples, "hole-1")
    explanation = explainer.explain(path, "recipro-cam", "stain", score="logit")
    graphs = OnnxGraphs(explainer._engine)
    forward = graphs.forward(prepare(read_picture(path), explainer.bundle.manifest.input))
    probabilities = softmax(forward.logits)
    assert explanation.target.index == 3
    assert explanation.target.probability == pytest.approx(float(probabilities[3]), abs=1e-6)
    assert explanation.predicted.label == "hole"
    assert explanation.predicted.probability == pytest.approx(float(probabilities[4]), abs=1e-6)
    assert explanation.method == ReciproCAM(score="logit")
    assert explanation.raw.shape == (16, 16)
    assert explanation.raw.dtype == np.float32
    np.testing.assert_array_equal(
        explanation.raw, ReciproCAM(score="logit")(graphs, forward, [3]).raw[0]
    )
    assert explanation.saliency.shape == (128, 128)
    assert explanation.saliency.min() == pytest.approx(0, abs=1e-6)
    assert explanation.saliency.max() == pytest.approx(1)
    assert explanation.provenance.model == "inspector"
    assert explanation.provenance.layer == "features"


def test_saliency_is_the_upsampled_and_rescaled_raw_map(
    explainer: Explainer, samples: list[Path]
) -> None:
    explanation = explainer.explain(samples[0], "recipro-cam")
    large = cv2.resize(explanation.raw, (128, 128), interpolation=cv2.INTER_LINEAR)
    expected = (large - large.min()) / (large.max() - large.min())
    np.testing.assert_allclose(explanation.saliency, expected, atol=1e-5)


def test_saliency_finds_its_way_to_a_larger_photograph(
    explainer: Explainer, samples: list[Path]
) -> None:
    photo = cv2.resize(read_picture(_named(samples, "hole-1")), (512, 256))
    explanation = explainer.explain(np.asarray(photo, np.uint8), target="hole")
    assert explanation.photo_saliency.shape == (256, 512)
    small = cv2.resize(explanation.photo_saliency, (128, 128), interpolation=cv2.INTER_AREA)
    assert np.corrcoef(small.ravel(), explanation.saliency.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("spec", EVERY)
def test_chunk_size_never_changes_a_map(inspector: Path, samples: list[Path], spec: str) -> None:
    path = _named(samples, "scratch-1")  # of which even Decom-CAM's official map is not flat
    first, *others = (
        camruntime.load(inspector, ["cpu"], chunk=chunk).explain(path, spec).raw
        for chunk in (1, 2, 7, 1000)
    )
    assert np.ptp(first) > 0 or spec == "uniform"
    for other in others:
        np.testing.assert_allclose(other, first, atol=float(2e-6 * np.ptp(first) + 1e-9))


@pytest.mark.parametrize("spec", EVERY)
def test_neighbours_and_order_never_change_a_map(
    explainer: Explainer, samples: list[Path], spec: str
) -> None:
    """The first image runs by itself, so that its neighbours run together."""
    images = [_named(samples, name) for name in ("scratch-1", "hole-2", "scratch-2")]
    targets = ["scratch", "good", "scratch"]
    alone = [explainer.explain(*each) for each in zip(images, [spec] * 3, targets, strict=True)]
    for order in ([0, 1, 2], [2, 0, 1]):
        together = explainer.explain(
            [images[index] for index in order], spec, target=[targets[index] for index in order]
        )
        for index, explanation in zip(order, together, strict=True):
            reach = float(np.ptp(alone[index].raw))
            assert reach > 0 or spec in FLAT
            np.testing.assert_allclose(explanation.raw, alone[index].raw, atol=2e-6 * reach + 1e-9)
    both = explainer.explain(images[0], spec, target=["good", "scratch"])
    turned = explainer.explain(images[0], spec, target=["scratch", "good"])
    np.testing.assert_array_equal(both[0].raw, turned[1].raw)
    np.testing.assert_array_equal(both[1].raw, turned[0].raw)


@pytest.mark.parametrize("spec", every_but({"anytime-score-cam": SHARED}))
def test_other_targets_never_change_a_map(
    explainer: Explainer, samples: list[Path], spec: str
) -> None:
    path = _named(samples, "scratch-1")
    several = explainer.explain(path, spec, target=["hole", "scratch", "good"])
    for found in several:
        alone = explainer.explain(path, spec, found.target.index)
        np.testing.assert_array_equal(found.raw, alone.raw)


def test_shapes_of_targets(explainer: Explainer, samples: list[Path]) -> None:
    pair = samples[:2]
    assert [e.target.index for e in explainer.explain(pair, target=2)] == [2, 2]
    mixed: list[Any] = [["good", 4], None]
    nested: list[Any] = explainer.explain(pair, target=mixed)
    assert [e.target.label for e in nested[0]] == ["good", "hole"]
    assert nested[1].target == nested[1].predicted
    assert explainer.explain([], target=None) == []
    assert explainer.explain(pair[0], target=[]) == []


def test_counts_that_do_not_match_are_an_error(explainer: Explainer, samples: list[Path]) -> None:
    with pytest.raises(TargetError, match="2 images and 3 targets"):
        explainer.explain(samples[:2], target=[0, 1, 2])


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"method": "grad"}, MethodError, "no method 'grad'"),
        ({"method": "score-cam", "chunks": 3}, MethodError, "no option 'chunks'"),
        ({"method": ReciproCAM(), "score": "logit"}, MethodError, "go with a method's name"),
        ({"target": "dent"}, TargetError, "no class is labelled 'dent'"),
    ],
)
def test_errors(
    explainer: Explainer,
    samples: list[Path],
    arguments: dict[str, Any],
    error: type[CamError],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        explainer.explain(samples[0], **arguments)


def test_a_chunk_below_one_is_an_error(inspector: Path) -> None:
    with pytest.raises(CamError, match="at least 1, got 0"):
        camruntime.load(inspector, chunk=0)


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A method that answers `value` everywhere."""

    value: float = 1.0
    needs: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        size = (len(targets), *forward.activations.shape[2:])
        return Maps(np.full(size, self.value, np.float32))


@pytest.fixture
def constant() -> Any:
    yield register("constant")(Constant)
    del METHODS["constant"]


@pytest.mark.parametrize("value", [0.0, 3.0, np.nan, np.inf])
def test_a_map_without_evidence_is_flagged_and_not_coloured(
    explainer: Explainer, samples: list[Path], constant: Any, value: float, tmp_path: Path
) -> None:
    explanation = explainer.explain(samples[0], Constant(value=value))
    assert explanation.no_evidence
    assert not explanation.saliency.any()
    assert explanation.boxes() == ()
    np.testing.assert_array_equal(explanation.overlay(), explanation.photo)
    assert "no evidence" in repr(explanation)
    figures = json.loads(explanation.save(tmp_path, "flat")[2].read_text())
    assert figures["no_evidence"] is True


def test_a_method_whose_graph_is_missing_says_so(explainer: Explainer, samples: list[Path]) -> None:
    class Needy(Constant):
        needs = frozenset({"magic"})

    with pytest.raises(BundleError, match="no graph 'magic'"):
        explainer.explain(samples[0], Needy())


def test_save_and_show(explainer: Explainer, samples: list[Path], tmp_path: Path) -> None:
    explanation: Explanation = explainer.explain(_named(samples, "hole-2"), "score-cam")
    picture, raw, figures = explanation.save(tmp_path / "new" / "folder", "x")
    shown = read_picture(picture)
    np.testing.assert_array_equal(shown, explanation.picture())
    np.testing.assert_array_equal(shown[:128, :128], explanation.overlay())
    assert (shown[:128, 128:] == 255).all()
    np.testing.assert_array_equal(np.load(raw), explanation.raw)
    told = json.loads(figures.read_text())
    assert told["method"] == "score-cam"
    assert told["options"] == {"preset": "paper"}
    assert told["target"]["label"] == "hole"
    assert told["raw"]["max"] == pytest.approx(float(explanation.raw.max()))
    assert told["boxes"][0]["share"] == pytest.approx(explanation.boxes()[0].share)
    assert explanation._repr_png_() == picture.read_bytes()


def test_the_box_holds_the_hole(explainer: Explainer, samples: list[Path]) -> None:
    path = _named(samples, "hole-1")
    box = explainer.explain(path).boxes()[0]
    rows, columns = np.nonzero(read_picture(path.parent / "masks" / path.name)[..., 0])
    assert box.x <= columns.mean() < box.x + box.width
    assert box.y <= rows.mean() < box.y + box.height
    assert 0.3 < box.share < 1


def test_decom_cam_tells_what_its_features_are_worth(
    explainer: Explainer, samples: list[Path], tmp_path: Path
) -> None:
    explanation = explainer.explain(_named(samples, "crack-1"), "decom-cam", components=4)
    parts = explanation.components
    assert parts is not None
    assert parts.maps.shape == (4, 128, 128)
    assert (np.diff(parts.singular_values) < 0).all()
    assert 0.95 < parts.explained_variance.sum() < 1
    np.testing.assert_allclose(parts.weights, softmax(parts.contributions), rtol=1e-6)
    fused = np.tensordot(parts.weights, parts.maps, 1)
    np.testing.assert_allclose(explanation.raw, fused, atol=1e-5)
    figures = json.loads(explanation.save(tmp_path, "crack")[2].read_text())
    assert figures["components"]["contributions"] == parts.contributions.tolist()
    assert explanation.component_sheet().shape[1] > 5 * 160
    with pytest.raises(CamError, match="recipro-cam has no components; decom-cam has"):
        explainer.explain(samples[0]).component_sheet()


def test_feature_cam_names_what_drew_the_edges(explainer: Explainer, samples: list[Path]) -> None:
    explanation = explainer.explain(samples[0], "ours-3")
    assert explanation.edges == "Scharr (OpenCV)"
    assert explanation.figures()["edges"] == "Scharr (OpenCV)"
    assert explanation.raw.shape == (128, 128)
    with pytest.raises(EdgeModelError, match="no edge model at nowhere"):
        explainer.explain(samples[0], "feature-cam", edges="nowhere")


@pytest.mark.parametrize(
    ("output", "said"),
    [("edges", r"answered with shape \(1, 3, 128, 128\)"), ("z", "not run from .* to 'z'")],
)
def test_an_edge_model_that_is_none(
    explainer: Explainer, samples: list[Path], tmp_path: Path, output: str, said: str
) -> None:
    write_edge_model(tmp_path, _SAME, "same", file="same.onnx", output=output)
    with pytest.raises(EdgeModelError, match=said):
        explainer.explain(samples[0], "feature-cam", edges=str(tmp_path / "same.onnx"))


def test_the_bundles_own_edge_model_comes_first(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(inspector, folder)
    write_edge_model(folder, _SAME, "same")
    with_edges = camruntime.load(folder, ["cpu"])
    with pytest.raises(EdgeModelError, match="same answered with shape"):
        with_edges.explain(samples[0], "feature-cam")
    assert with_edges.explain(samples[0], "feature-cam", edges="scharr").edges == "Scharr (OpenCV)"


def test_feature_cam_without_features_is_its_base_map(
    explainer: Explainer, samples: list[Path]
) -> None:
    for base in ("grad-cam", "grad-cam++", "smooth-grad-cam++"):
        found = explainer.explain(samples[0], "feature-cam", base=base, k=0.0)
        coarse = explainer.explain(samples[0], base)
        np.testing.assert_allclose(found.saliency, coarse.saliency, atol=1e-5)


def test_explanation_map_by_percentile(explainer: Explainer, samples: list[Path]) -> None:
    explanation = explainer.explain(samples[0], "recipro-cam")
    for percentile in (20.0, 80.0):
        shown = explanation.explanation_map(percentile)
        kept = (shown == explanation.photo).all(2)
        assert kept.mean() == pytest.approx(1 - percentile / 100, abs=0.02)
        assert (shown[~kept] == 128).all()  # the inspector's mean is 0.5
        saliency = explanation.photo_saliency
        assert saliency[kept].min() > np.percentile(saliency, percentile) - 0.02
    with pytest.raises(CamError, match="between 0 and 100, got 101"):
        explanation.explanation_map(101)
