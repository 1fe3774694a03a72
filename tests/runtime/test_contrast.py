"""One class rather than another: by hand, on a linear tail, and through the shipped bundle."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import camruntime
from camruntime import Contrast
from camruntime.bundle import Answer
from camruntime.errors import TargetError
from camruntime.explaining import Target, Wanted, wanted
from camruntime.explaining.contrasting import Versus, gradient_classes, with_contrasts
from camruntime.graphs import LayerOutput
from camruntime.maps import FloatArray
from camruntime.methods import GradCAM, HiResCAM, ReciproCAM, ScoreCAM
from numpy_graphs import NumpyGraphs

LABELS = ("good", "scratch", "t-shirt", "shirt", "t")
REST = Versus((1, 2), 0)
LOGITS = np.array([[1.0, 3.0, -2.0], [800.0, 0.0, 1.0]], np.float32)


def test_scores_by_hand() -> None:
    assert Versus((1,), 0).score(LOGITS).tolist() == [2.0, -800.0]
    rest = [np.log(np.exp(3.0) + np.exp(-2.0)) - 1, np.log(1 + np.e) - 800]
    np.testing.assert_allclose(REST.score(LOGITS), rest, rtol=1e-6)
    assert Versus((), 1).score(LOGITS).tolist() == [-3.0, 0.0]


def test_the_log_odds_of_not_a_class_are_those_of_its_probability() -> None:
    shares = np.exp(LOGITS[0].astype(np.float64))
    shares /= shares.sum()
    np.testing.assert_allclose(
        REST.score(LOGITS[0]), np.log((1 - shares[0]) / shares[0]), rtol=1e-6
    )


@pytest.mark.parametrize("contrast", [Versus((1,), 0), REST, Versus((), 1), Versus((0, 1), 2)])
def test_slopes_are_finite_differences(contrast: Versus) -> None:
    def exact(logits: np.ndarray) -> float:
        those = [logits[one] for one in contrast.classes]
        return float((np.logaddexp.reduce(those) if those else 0) - logits[contrast.against])

    logits = np.array([0.3, -0.2, 0.9])
    expected = [(exact(logits + step) - exact(logits - step)) / 2e-4 for step in np.eye(3) * 1e-4]
    np.testing.assert_allclose(contrast.slopes(logits[None])[0], expected, atol=1e-7)


def test_gradients_follow_the_chain_rule_at_every_image(numpy_graphs: NumpyGraphs) -> None:
    """The tail is linear: `d y / d A` is `W / cells`, and the shares depend on the image."""
    rng = np.random.default_rng(3)
    layer = LayerOutput(rng.random((3, 4, 2, 2), np.float32))
    logits, plain = numpy_graphs.tail(layer.activations), numpy_graphs.weights / np.float32(4)
    forward = numpy_graphs.forward(np.ones((1, 3, 4, 4), np.float32))
    asked = [Versus((2,), 0), REST]
    graphs, _, (difference, rest) = with_contrasts(numpy_graphs, forward, asked)
    found = graphs.gradients(layer, [rest, difference, 1])
    shares = np.exp(logits[0, 1:]) / np.exp(logits[0, 1:]).sum()
    expected = [shares @ plain[1:] - plain[0], plain[2] - plain[0], plain[1]]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, np.broadcast_to(other[:, None, None], one.shape), rtol=1e-5)
    one_image = LayerOutput(layer.activations[:1])
    again = graphs.gradients(one_image, [rest, difference, 1])
    np.testing.assert_allclose(again, found, rtol=1e-5)


def test_maps_by_hand(numpy_graphs: NumpyGraphs, image: FloatArray) -> None:
    forward = numpy_graphs.forward(image)
    graphs, wider, targets = with_contrasts(numpy_graphs, forward, [Versus((2,), 0), 1])
    assert targets == [3, 1]
    weights = (numpy_graphs.weights[2] - numpy_graphs.weights[0]) / 24
    grad_cam = np.maximum(np.tensordot(weights, forward.activations[0], 1), 0)
    assert grad_cam.any()
    np.testing.assert_allclose(GradCAM()(graphs, wider, targets).raw[0], grad_cam, rtol=1e-4)
    ordinary = GradCAM()(numpy_graphs, forward, [1]).raw[0]
    np.testing.assert_allclose(GradCAM()(graphs, wider, targets).raw[1], ordinary, rtol=1e-4)
    cells = forward.activations[0].reshape(4, -1).T / 24
    logits = cells @ numpy_graphs.weights.T + numpy_graphs.bias
    recipro = 1 / (1 + np.exp(-(logits[:, 2] - logits[:, 0])))
    found = ReciproCAM()(graphs, wider, targets).raw
    np.testing.assert_allclose(found[0].ravel(), recipro, rtol=1e-5)
    np.testing.assert_array_equal(found[1], ReciproCAM()(numpy_graphs, forward, [1]).raw[0])


def test_probabilities_of_classes_are_what_they_were(
    numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    forward = numpy_graphs.forward(image)
    _, wider, _ = with_contrasts(numpy_graphs, forward, [REST])
    np.testing.assert_array_equal(wider.probabilities()[:3], forward.probabilities())
    np.testing.assert_allclose(wider.probabilities()[3], 1 - forward.probabilities()[0], rtol=1e-5)


def test_probabilities_of_some_are_those_of_all(
    numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    """By float64's softmax within float32's rounding; bit by bit whatever is asked for beside."""
    forward = numpy_graphs.forward(image)
    _, wider, _ = with_contrasts(numpy_graphs, forward, [REST])
    rows = np.random.default_rng(0).normal(0, 5, (7, 4)).astype(np.float32)
    shares = np.exp(rows[:, :3].astype(np.float64))
    shares /= shares.sum(1, keepdims=True)
    found = wider.probabilities_of([2, 3, 0], rows)
    np.testing.assert_allclose(found[:, [0, 2]], shares[:, [2, 0]], rtol=3e-7)
    np.testing.assert_allclose(found[:, 1], 1 / (1 + np.exp(-rows[:, 3].astype(float))), rtol=3e-7)
    assert found.dtype == np.float32
    alone = forward.probabilities_of([0], np.ascontiguousarray(rows[:, :3]))
    np.testing.assert_array_equal(found[:, 2], alone[:, 0])


def test_a_score_cam_of_a_contrast_weighs_channels_by_it(
    numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    """Of a network whose first class has no weights, scratch rather than it is scratch."""
    numpy_graphs.weights[0], numpy_graphs.bias[0] = 0, 0
    forward = numpy_graphs.forward(image)
    for method in (ScoreCAM(), HiResCAM(), ReciproCAM(score="logit")):
        graphs, wider, targets = with_contrasts(numpy_graphs, forward, [Versus((2,), 0)])
        found = method(graphs, wider, targets).raw
        np.testing.assert_allclose(found, method(numpy_graphs, forward, [2]).raw, atol=1e-6)


def test_which_gradients_a_batch_takes_ahead() -> None:
    logits = np.array([0.0, 1.0, -40.0], np.float32)
    assert gradient_classes([1, 0], logits) == [1, 0]
    assert gradient_classes([Versus((1,), 0)], logits) == [0, 1]
    assert gradient_classes([REST], logits) == [0, 1], "class 2 has a share of 1e-18"
    assert gradient_classes([REST, 2], logits) == [0, 1, 2]
    assert gradient_classes([REST], logits * np.nan) == [0]


@pytest.mark.parametrize(
    ("target", "choice", "contrast"),
    [
        (Contrast("scratch", "good"), (1,), Versus((1,), 0)),
        ("scratch-good", (1,), Versus((1,), 0)),
        ("1-0", (1,), Versus((1,), 0)),
        ("not good", (1, 2, 3, 4), Versus((1, 2, 3, 4), 0)),
        ("not 0", (1, 2, 3, 4), Versus((1, 2, 3, 4), 0)),
        (Contrast(against=0), (1, 2, 3, 4), Versus((1, 2, 3, 4), 0)),
        ("t-shirt", (2,), None),
        ("t-shirt-good", (2,), Versus((2,), 0)),
        ("good-t-shirt", (0,), Versus((0,), 2)),
    ],
)
def test_what_a_target_means(
    target: object, choice: tuple[int, ...], contrast: Versus | None
) -> None:
    found = wanted(target, LABELS)
    assert found.choices == (choice,)
    assert found.contrast(0) == contrast


def test_several_targets_of_which_one_is_a_contrast() -> None:
    found = wanted([None, "not good", 3], LABELS)
    assert found.choices == ((), (1, 2, 3, 4), (3,))
    assert found.contrasts == (None, Versus((1, 2, 3, 4), 0), None)
    assert found.indices(np.array([9.0, 1, 2, 3, 0], np.float32)) == (0, 3, 3)
    assert wanted([1, 2], LABELS) == Wanted(((1,), (2,)), True)


def test_networks_whose_classes_are_by_themselves_or_two() -> None:
    sigmoid = Answer(probabilities="sigmoid")
    assert wanted("not good", LABELS, sigmoid).contrast(0) == Versus((), 0)
    assert wanted("scratch-good", LABELS, sigmoid).contrast(0) == Versus((1,), 0)
    one = Answer(one_logit=True)
    found = wanted("not ok", ("ok", "defect"), one)
    assert found == Wanted(((1,),)), "its score is the lead over the other class"


@pytest.mark.parametrize("target", ["not good", Contrast(), Contrast(None, 1), "not OK", "not 1"])
def test_the_bundle_says_which_class_is_good(target: object) -> None:
    found = wanted(target, ("crack", "OK", "hole"), good=1)
    assert found.choices == ((0, 2),)
    assert found.contrast(0) == Versus((0, 2), 1)


def test_a_class_rather_than_the_good_one() -> None:
    assert wanted(Contrast("scratch"), LABELS, good=0).contrast(0) == Versus((1,), 0)


def test_a_good_that_is_two_classes_is_refused() -> None:
    with pytest.raises(TargetError, match="is not 'scratch', which the bundle names as good, or"):
        wanted("not good", LABELS, good=1)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("not better", "no class is labelled 'not better'"),
        ("scratch-god", "no class is labelled 'scratch-god': did you mean scratch"),
        ("not bad", "no class is labelled 'not bad'"),
        ("good-good", "of two classes, got 'good' twice"),
        (Contrast("scratch"), "names the class that it is against.*--good LABEL"),
        (Contrast("scratch", 9), "class 9 does not exist"),
        (Contrast(1.5, 0), "expected a class index or a label"),  # type: ignore[arg-type]
        ("1-9", "class 9 does not exist"),
    ],
)
def test_what_means_nothing_is_refused(target: object, said: str) -> None:
    with pytest.raises(TargetError, match=said):
        wanted(target, LABELS)


def test_a_text_with_two_meanings_is_refused() -> None:
    labels = ("a", "b-c", "a-b", "c")
    with pytest.raises(TargetError, match="is 'a' rather than 'b-c' or 'a-b' rather than 'c': say"):
        wanted("a-b-c", labels)


def test_answers_that_are_no_logits_have_no_log_odds() -> None:
    nothing = Answer(probabilities="none")
    assert wanted("scratch-good", LABELS, nothing).contrast(0) == Versus((1,), 0)
    with pytest.raises(TargetError, match="no logits, so nothing is the log-odds of 'not good'"):
        wanted("not good", LABELS, nothing)


@pytest.mark.parametrize("spec", ["recipro-cam", "grad-cam", "smooth-grad-cam++:samples=2"])
def test_batches_and_single_pictures_agree(inspector: Path, samples: list[Path], spec: str) -> None:
    explainer = camruntime.load(inspector, ["cpu"], threads=1)
    targets: list[list[Target | None]] = [
        ["not good", 1],
        ["crack-hole"],
        [None, "hole-good"],
        ["2-0"],
    ]
    found = explainer.explain_each(samples[:4], spec, targets)
    for sample, target, several in zip(samples, targets, found, strict=False):
        alone = explainer.explain(sample, spec, target)
        for one, other in zip(several, alone, strict=True):
            np.testing.assert_allclose(one.raw, other.raw, atol=1e-6 * np.abs(other.raw).max())
            assert one.target.label == other.target.label


def test_an_explanation_says_what_it_contrasts(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    explainer = camruntime.load(inspector, ["cpu"], threads=1)
    crack = explainer.explain(samples[0], "grad-cam", "crack-good")
    assert (crack.target.index, crack.target.label) == (2, "crack rather than good")
    assert crack.against is not None
    assert crack.against.label == "good"
    plain = {
        one.target.label: one.target.probability
        for one in explainer.explain(samples[0], target=["crack", "good", "not good"])
    }
    share = plain["crack"] / (plain["crack"] + plain["good"])
    assert crack.target.probability == pytest.approx(share, rel=1e-4)
    assert plain["not good"] == pytest.approx(1 - plain["good"], rel=1e-4)
    crack.save(tmp_path, "c")
    figures = json.loads((tmp_path / "c.json").read_text())
    assert figures["target"]["label"] == "crack rather than good"
    assert figures["against"]["index"] == 0
    assert "against" not in explainer.explain(samples[0]).figures()
