"""Every metric on a network of four pixels, worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import camruntime.metrics
from arrays import f32
from camruntime.bundle import Answer
from camruntime.datasets import GroundTruth
from camruntime.errors import MetricError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import FloatArray, Maps, pearson
from camruntime.metrics import (
    ADCC,
    ARCC,
    METRICS,
    AverageDrop,
    Case,
    Coherency,
    Complexity,
    Confidence,
    Deletion,
    EnergyPointingGame,
    IncreaseInConfidence,
    Insertion,
    InsertionDeletion,
    IoU,
    Metric,
    PointingGame,
    RightClassification,
    Road,
    RoadLeRF,
    RoadMoRF,
    make_metric,
    metric_spec,
    usual_metrics,
)
from camruntime.metrics._imputing import imputed
from camruntime.metrics._revealing import hiding
from camruntime.metrics.iou import overlap
from camruntime.pictures import gaussian_blur
from numpy_graphs import NumpyGraphs

LN3 = np.log(3)
PIXELS = f32([[2, 1], [0, -1]]) * np.float32(LN3)
"""Their sum is 2 ln 3, so that the first class has the probability 9 / (9 + 1)."""


class Summing(NumpyGraphs):
    """The first logit is the sum of the first channel, the second 0: p = 3^k / (3^k + 1)."""

    def head(self, images: FloatArray) -> FloatArray:
        return images[:, :1]

    def tail(self, activations: FloatArray) -> FloatArray:
        total = activations.sum((1, 2, 3))
        return np.stack([total, np.zeros_like(total)], 1).astype(np.float32)


@dataclass
class Counting(Summing):
    """Counts the images that are asked about."""

    asked: int = 0

    def head(self, images: FloatArray) -> FloatArray:
        self.asked += len(images)
        return super().head(images)


@dataclass(frozen=True)
class FirstChannel:
    """Its map is the picture's first channel."""

    needs: ClassVar[frozenset[str]] = frozenset()

    def __call__(self, graphs: Graphs, forward: Forward, targets: Sequence[int]) -> Maps:
        return Maps(forward.image[0, :1])


def case(saliency: object, ground_truth: GroundTruth | None = None, target: int = 0) -> Case:
    graphs = Summing(f32([[0]]), f32([[0]]), f32([0]))
    image = np.concatenate([PIXELS[None], np.zeros((2, 2, 2), np.float32)])[None]
    return Case(
        graphs=graphs,
        forward=graphs.forward(image),
        method=FirstChannel(),
        target=target,
        saliency=f32(saliency),
        photo_saliency=f32(saliency),
        ground_truth=ground_truth,
    )


def value(metric: Metric, found: Case) -> float:
    measured = metric(found).value
    assert measured is not None
    return measured


@pytest.mark.parametrize(
    ("saliency", "drop", "increase"),
    [
        ([[1, 0], [0, 0]], 0, 0),  # 2 ln 3 as before
        ([[0.5, 0], [0, 0]], 100 * (0.9 - 0.75) / 0.9, 0),  # ln 3: p = 3/4
        ([[1, 1], [0, 0]], 0, 100),  # 3 ln 3: p = 27/28
        ([[0, 0], [0, 0]], 100 * (0.9 - 0.5) / 0.9, 0),
    ],
)
def test_drop_and_increase(saliency: object, drop: float, increase: float) -> None:
    assert value(AverageDrop(), case(saliency)) == pytest.approx(drop, abs=1e-4)
    assert value(IncreaseInConfidence(), case(saliency)) == increase


def test_the_target_is_the_explained_class() -> None:
    """Of the second class: p = 1/10 on the picture, 1/2 on the mean colour."""
    nothing = case([[0, 0], [0, 0]], target=1)
    assert value(IncreaseInConfidence(), nothing) == 100
    assert value(AverageDrop(), nothing) == 0
    assert value(AverageDrop(), case([[1, 1], [0, 0]], target=1)) == pytest.approx(
        100 * (0.1 - 1 / 28) / 0.1, abs=1e-3
    )


def test_complexity() -> None:
    assert value(Complexity(), case([[1, 0.5], [0.25, 0]])) == pytest.approx(43.75)


def test_coherency() -> None:
    """The explanation map's own map is picture times saliency, here (2, 0.5, 0, 0) ln 3."""
    shown = case([[1, 0.5], [0, 0]])
    expected = np.corrcoef([1, 0.5, 0, 0], [2, 0.5, 0, 0])[0, 1]
    assert value(Coherency(), shown) == pytest.approx(50 * (1 + expected), abs=1e-4)
    assert value(Coherency(), case([[0, 0], [0, 0]])) == 0


def test_pearson() -> None:
    one, other = np.random.default_rng(0).normal(0, 1, (2, 5, 7)).astype(np.float32)
    assert pearson(one, other) == pytest.approx(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    assert pearson(one, -one) == pytest.approx(-1)
    assert pearson(one, np.ones_like(one)) is None


def test_adcc() -> None:
    """Coherency as above, complexity 3/8, no drop: 2.5 ln 3 is more than 2 ln 3."""
    coherency = (1 + np.corrcoef([1, 0.5, 0, 0], [2, 0.5, 0, 0])[0, 1]) / 2
    expected = 300 / (1 / coherency + 1 / (1 - 3 / 8) + 1)
    assert value(ADCC(), case([[1, 0.5], [0, 0]])) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("saliency", [[[0, 0], [0, 0]], [[1, 1], [1, 1]]])
def test_adcc_without_any_of_its_parts(saliency: object) -> None:
    """No coherency, or a complexity of 1: the harmonic mean is 0, and divides by nothing."""
    assert value(ADCC(), case(saliency)) == 0


RANKED = [[1, 0.75], [0.5, 0.25]]
P = {k: 3.0**k / (3.0**k + 1) for k in range(-1, 4)}


def _area(exponents: list[int]) -> float:
    scores = [P[k] for k in exponents]
    return 25 * (sum(scores) - (scores[0] + scores[-1]) / 2)


def test_deletion() -> None:
    """2, 1, 0 and -1 are removed: what is left is 2, 0, -1, -1, 0."""
    found = Deletion(steps=4)(case(RANKED))
    assert found.curve == pytest.approx([P[k] for k in (2, 0, -1, -1, 0)])
    assert found.value == pytest.approx(_area([2, 0, -1, -1, 0]), abs=1e-4) == 42.5


def test_deletion_follows_the_target() -> None:
    found = Deletion(steps=4)(case(RANKED, target=1))
    assert found.curve == pytest.approx([1 - P[k] for k in (2, 0, -1, -1, 0)])


def test_insertion() -> None:
    """On the mean colour: 0, 2, 3, 3, 2."""
    found = Insertion(steps=4, baseline="mean")(case(RANKED))
    assert found.curve == pytest.approx([P[k] for k in (0, 2, 3, 3, 2)])
    assert found.value == pytest.approx(_area([0, 2, 3, 3, 2]), abs=1e-4)


def test_steps_that_do_not_divide_the_pixels() -> None:
    """Three steps of four pixels: after 0, 1, 3, 4; the area is over the true share."""
    found = Deletion(steps=3)(case(RANKED))
    scores = [P[k] for k in (2, 0, -1, 0)]
    parts = [(scores[0] + scores[1]) / 8, (scores[1] + scores[2]) / 4, (scores[2] + scores[3]) / 8]
    assert found.value == pytest.approx(100 * sum(parts), abs=1e-4)


def test_insertion_less_deletion() -> None:
    both = InsertionDeletion(steps=4, revealed_on="mean")
    shown = case(RANKED)
    parts = Insertion(4, "mean")(shown).value, Deletion(4)(shown).value
    assert value(both, shown) == pytest.approx((parts[0] or 0) - (parts[1] or 0))


def test_what_hides_a_pixel() -> None:
    shown = case(RANKED)
    image = shown.forward.image
    np.testing.assert_array_equal(hiding(shown, "mean"), np.zeros((3, 2, 2)))
    blurred = gaussian_blur(image, 5 / 224 * 2)[0]
    np.testing.assert_array_equal(hiding(shown, "blur"), blurred)
    np.testing.assert_array_equal(hiding(shown, "black"), np.zeros((3, 2, 2)))  # mean 0, std 1


def test_equally_salient_pixels_are_not_taken_from_the_top() -> None:
    flat = case(np.ones((40, 50)))
    rank = flat.rank(0)
    assert sorted(rank.ravel()) == list(range(2000))
    assert abs(np.mean(np.nonzero(rank < 1000)[0]) - 19.5) < 1.5
    np.testing.assert_array_equal(case(np.zeros((40, 50))).rank(0), rank)
    assert (flat.rank(1) != rank).mean() > 0.99
    assert sorted(flat.rank(1).ravel()) == list(range(2000))


TIED = [[1, 0.5], [0.5, 0.5]]


def test_ties_are_averaged_over_their_orders() -> None:
    """Behind 2 ln 3 come 1, 0 and -1 in any order: all six, equally often, have these means."""
    found = Insertion(steps=4, baseline="mean", orders=1000)(case(TIED))
    second = np.mean([P[k] for k in (3, 2, 1)])  # 2 and one of 1, 0, -1
    third = np.mean([P[k] for k in (3, 2, 1)])  # 2 and two of them: their sum is 1, 0 or -1
    assert found.curve == pytest.approx([P[0], P[2], second, third, P[2]], abs=0.01)
    gone = Deletion(steps=4, orders=1000)(case(TIED))
    left = np.mean([P[k] for k in (1, 0, -1)])
    assert gone.curve == pytest.approx([P[2], P[0], left, left, P[0]], abs=0.01)
    assert found.value == pytest.approx(25 * (sum(found.curve) - (P[0] + P[2]) / 2), abs=1e-3)


def test_several_orders_are_the_mean_of_each() -> None:
    """One order is that of seed 0; three are that one's curve and the next seeds', averaged."""
    shown = case(TIED)
    curves = []
    for seed in range(3):
        seen = [PIXELS[shown.rank(seed) < count].sum() / LN3 for count in range(5)]
        curves.append([P[round(float(k))] for k in seen])
    assert len({tuple(curve) for curve in curves}) > 1
    one = Insertion(steps=4, baseline="mean", orders=1)(shown).curve
    three = Insertion(steps=4, baseline="mean", orders=3)(shown).curve
    assert one == pytest.approx(curves[0])
    assert three == pytest.approx(np.mean(curves, 0))


@pytest.mark.parametrize(
    ("saliency", "steps", "passes"),
    [
        (RANKED, 4, 5),  # no ties
        (TIED, 4, 5 + 3 * 2),  # the second and the third pixel of four are chosen among equals
        ([[1, 1], [0, 0]], 2, 3),  # ties, but none is parted
        ([[0, 0], [0, 0]], 4, 5 + 3 * 3),
    ],
)
def test_orders_cost_passes_only_where_equal_pixels_are_parted(
    saliency: object, steps: int, passes: int
) -> None:
    graphs = Counting(f32([[0]]), f32([[0]]), f32([0]))
    Insertion(steps=steps, baseline="mean", orders=4)(replace(case(saliency), graphs=graphs))
    assert graphs.asked == passes


def test_guessed_pixels_are_means_of_their_neighbours() -> None:
    """As the dense system says, written down neighbour by neighbour."""
    rng = np.random.default_rng(1)
    picture, missing = rng.normal(5, 2, (3, 9, 12)).astype(np.float32), rng.random((9, 12)) < 0.7
    system, right = np.eye(9 * 12), picture.reshape(3, -1).astype(np.float64).copy()
    for row, column in np.argwhere(missing):
        weights = {
            (row + down) * 12 + column + across: 1 / 12 if down and across else 1 / 6
            for down in (-1, 0, 1)
            for across in (-1, 0, 1)
            if (down or across) and 0 <= row + down < 9 and 0 <= column + across < 12
        }
        here = row * 12 + column
        right[:, here] = 0
        for there, weight in weights.items():
            system[here, there] = -weight / sum(weights.values())
    expected = np.linalg.solve(system, right.T).T.reshape(picture.shape)
    np.testing.assert_allclose(imputed(picture, missing), expected, atol=2e-3)
    np.testing.assert_array_equal(imputed(picture, missing)[:, ~missing], picture[:, ~missing])


def test_what_cannot_be_guessed_and_what_need_not() -> None:
    picture = f32(np.full((2, 5, 4), 7))
    one = np.zeros((5, 4), bool)
    np.testing.assert_array_equal(imputed(picture, one), picture)
    one[2, 2] = True
    np.testing.assert_array_equal(imputed(picture, ~one), picture)
    with pytest.raises(MetricError, match="all pixels are missing"):
        imputed(picture, np.ones((5, 4), bool))
    picture[0, 0, 0] = np.nan
    with pytest.raises(MetricError, match="finite"):
        imputed(picture, one)


ROAD = {"most": 1 / 10, "least": 729 / 730}
"""Half of RANKED is removed and guessed: 5a = 2b - 1 and 5b = 2a - 2 above 0 and -1, together -2;
5c = 5 + 2d and 5d = 4 + 2c below 2 and 1, together 6."""


def test_road() -> None:
    shown = case(RANKED)
    assert value(RoadMoRF(steps=1, noise=0), shown) == pytest.approx(100 * ROAD["most"], abs=0.02)
    assert value(RoadLeRF(steps=1, noise=0), shown) == pytest.approx(100 * ROAD["least"], abs=0.02)
    expected = 100 * (ROAD["least"] - ROAD["most"])
    assert value(Road(steps=1, noise=0), shown) == pytest.approx(expected, abs=0.04)


@dataclass
class Remembering(Summing):
    """Keeps the pictures that are asked about."""

    seen: list[FloatArray] = field(default_factory=list)

    def head(self, images: FloatArray) -> FloatArray:
        self.seen += list(images)
        return super().head(images)


def test_road_removes_even_shares_and_adds_noise_where_it_did() -> None:
    """The noise is the same for every share and method, and as wide as was asked."""
    rng = np.random.default_rng(2)
    image, ranked = rng.normal(0, 1, (1, 3, 40, 40)), rng.random((40, 40))
    quiet, loud = (Remembering(f32([[0]]), f32([[0]]), f32([0])) for _ in range(2))
    shown = replace(
        case(ranked), forward=Summing(f32([[0]]), f32([[0]]), f32([0])).forward(f32(image))
    )
    RoadMoRF(noise=0)(replace(shown, graphs=quiet))
    RoadMoRF(noise=0.5)(replace(shown, graphs=loud))
    assert len(quiet.seen) == len(loud.seen) == 4
    for share, without, noisy in zip((0.2, 0.4, 0.6, 0.8), quiet.seen, loud.seen, strict=True):
        gone = (noisy != without).all(0)
        assert gone.mean() == pytest.approx(share)
        assert ranked[gone].min() > ranked[~gone].max()
        np.testing.assert_array_equal(noisy[:, ~gone], f32(image)[0][:, ~gone])
        added = (noisy - without)[:, gone]
        assert added.std() == pytest.approx(0.5, rel=0.08)
        np.testing.assert_allclose((loud.seen[-1] - quiet.seen[-1])[:, gone], added, atol=1e-5)


def test_arcc() -> None:
    """Coherency and complexity as ADCC has them, beside ROAD at four shares."""
    shown = case([[1, 0.5], [0, 0]])
    coherency = (1 + np.corrcoef([1, 0.5, 0, 0], [2, 0.5, 0, 0])[0, 1]) / 2
    road = value(Road(steps=4, noise=0.01), shown) / 100
    assert 0 < road < 1
    expected = 300 / (1 / coherency + 1 / (1 - 3 / 8) + 1 / road)
    assert value(ARCC(), shown) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("saliency", [[[0, 0], [0, 0]], [[1, 1], [1, 1]], [[0, 0], [0.5, 1]]])
def test_arcc_without_any_of_its_parts(saliency: object) -> None:
    """No coherency, a complexity of 1, or a ROAD below 0."""
    assert value(ARCC(), case(saliency)) == 0


def test_feature_cams_explanation_map() -> None:
    """Above the 20th percentile three of four pixels are shown, 3 ln 3; above the 80th one."""
    shown = case(RANKED)
    assert value(Confidence(), shown) == pytest.approx(100 * 27 / 28, abs=1e-4)
    assert value(Confidence(percentile=80), shown) == pytest.approx(90, abs=1e-4)
    assert value(RightClassification(), shown) == 100
    upside_down = case([[0, 0], [0, 1]])  # -1 ln 3 alone: the other class
    assert value(RightClassification(), upside_down) == 0
    assert value(Confidence(), upside_down) == pytest.approx(25, abs=1e-4)
    other = case(
        RANKED, target=1
    )  # explained is the second class, still the picture's is the first
    assert value(RightClassification(), other) == 100
    assert value(Confidence(), other) == pytest.approx(100 / 28, abs=1e-4)


@pytest.mark.parametrize(("threshold", "same"), [(0.3, 100), (0.7, 0), (0.95, 100)])
def test_right_classification_of_classes_by_themselves(threshold: float, same: float) -> None:
    """The target's sigmoid is 0.9 of the picture and 0.5 of a map that shows none of it."""
    shown = case(np.zeros((2, 2)))
    answer = Answer(probabilities="sigmoid", threshold=threshold)
    found = replace(shown, forward=replace(shown.forward, answer=answer))
    assert value(RightClassification(), found) == same
    assert found.probability == pytest.approx(0.9)


def _boxes(*boxes: tuple[float, float, float, float], size: tuple[int, int]) -> GroundTruth:
    mask = np.zeros(size, bool)
    mask[0, 0] = True
    return GroundTruth(f32(boxes), mask)


PEAKS = f32([[0, 0, 0, 0], [0, 1, 3, 0], [0, 0, 4, 0], [2, 0, 0, 0]]) / 4


@pytest.mark.parametrize(
    ("metric", "box", "expected"),
    [
        (PointingGame(), (2, 2, 3, 3), 100),
        (PointingGame(), (0, 0, 2, 4), 0),
        (PointingGame(tolerance=1), (0, 0, 2, 4), 100),
        (PointingGame(tolerance=1), (0, 0, 1, 4), 0),
        (PointingGame(tolerance=2), (0, 2, 1, 3), 100),
        (PointingGame(shape="mask"), (2, 2, 3, 3), 0),
        (EnergyPointingGame(), (1, 1, 3, 3), 80),
        (EnergyPointingGame(), (0, 3, 1, 4), 20),
        (EnergyPointingGame(), (0, 0, 4, 4), 100),
        (EnergyPointingGame(shape="mask"), (1, 1, 3, 3), 0),
        # Above 0.15 of the maximum: one region of 2x2 (three pixels), and one pixel.
        (IoU(), (1, 1, 3, 3), 100),
        (IoU(), (1, 1, 3, 2), 50),
        (IoU(), (0, 0, 4, 4), 25),
        (IoU(threshold=0.8), (2, 2, 3, 3), 100),
        (IoU(), (0, 3, 1, 4), 0),
    ],
)
def test_localisation(metric: Metric, box: tuple[float, ...], expected: float) -> None:
    left, top, right, bottom = box
    shown = case(PEAKS, _boxes((left, top, right, bottom), size=(4, 4)))
    assert value(metric, shown) == pytest.approx(expected)


def test_several_objects() -> None:
    shown = case(PEAKS, _boxes((0, 3, 1, 4), (1, 1, 3, 3), size=(4, 4)))
    assert value(EnergyPointingGame(), shown) == pytest.approx(100)
    assert value(IoU(), shown) == pytest.approx(100)


def test_a_flat_map_says_nothing_about_where() -> None:
    flat = case(np.zeros((4, 4)), _boxes((0, 0, 2, 2), size=(4, 4)))
    assert value(PointingGame(), flat) == 0
    assert value(EnergyPointingGame(), flat) == 25
    assert value(IoU(), flat) == 0


def test_overlap_by_hand() -> None:
    assert overlap(f32([0, 0, 2, 2]), f32([1, 1, 3, 3])) == pytest.approx(1 / 7)
    assert overlap(f32([0, 0, 1, 1]), f32([2, 2, 3, 3])) == 0
    assert overlap(f32([1, 1, 1, 1]), f32([1, 1, 1, 1])) == 0


def test_one_file_for_every_metric_and_a_spec_for_each() -> None:
    folder = Path(camruntime.metrics.__file__).parent
    files = {path.stem for path in folder.glob("[a-z]*.py")}
    assert {name.replace("-", "_") for name in METRICS} == files
    for name in METRICS:
        assert metric_spec(make_metric(name)) == name
    assert metric_spec(make_metric("insertion:steps=64")) == "insertion:steps=64"


@pytest.mark.parametrize("name", METRICS)
def test_no_metric_stumbles_over_a_degenerate_map(name: str) -> None:
    metric = make_metric(name)
    boxes = _boxes((0, 0, 1, 1), size=(2, 2))
    for saliency in ([[0, 0], [0, 0]], [[1, 1], [1, 1]], [[0, 0], [0, 1]]):
        assert np.isfinite(value(metric, case(saliency, boxes)))
    if metric.info.category == "localisation":
        assert metric(case(RANKED)).value is None
        outside = GroundTruth(np.zeros((0, 4), np.float32), np.zeros((2, 2), bool))
        assert metric(case(RANKED, outside)).value is None


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("insertoin", "no metric 'insertoin': did you mean insertion"),
        ("insertion:step=3", "no option 'step': did you mean steps"),
        ("insertion:baseline=white", "mean.*black.*blur"),
        ("insertion:steps=0", "steps is at least 1, got 0"),
        ("deletion:orders=0", "orders is at least 1, got 0"),
        ("road:steps=0", "steps is at least 1, got 0"),
        ("road-morf:noise=-1", "noise is at least 0, got -1"),
        ("confidence:percentile=101", "between 0 and 100, got 101"),
        ("pointing-game:tolerance=-1", "tolerance is at least 0, got -1"),
        ("iou:threshold=1.5", r"threshold lies in \[0, 1\), got 1\.5"),
    ],
)
def test_metrics_that_do_not_exist(spec: str, said: str) -> None:
    with pytest.raises(MetricError, match=said):
        make_metric(spec)


def test_the_usual_metrics() -> None:
    """Feature CAM's own two, and those that guess pixels, are measured where they are asked for."""
    faithful = ["adcc", "average-drop", "increase-in-confidence", "coherency", "complexity"]
    usual = [*faithful, "insertion", "deletion", "insertion-deletion"]
    assert usual_metrics(located=False) == usual
    located = [*usual, "pointing-game", "energy-pointing-game", "iou"]
    assert usual_metrics(located=True) == located
    asked = {"confidence", "right-classification", "arcc", "road", "road-morf", "road-lerf"}
    assert set(METRICS) - set(located) == asked


def test_curves_say_what_they_are_drawn_over() -> None:
    """Whoever answers with a curve, and nobody else."""
    shown = case(RANKED, _boxes((0, 0, 1, 1), size=(2, 2)))
    for name, kind in METRICS.items():
        assert bool(make_metric(name)(shown).curve) == bool(kind.info.curve_axis), name
    assert METRICS["deletion"].info.curve_axis == "share of pixels removed"
    assert METRICS["insertion"].info.curve_axis == "share of pixels revealed"
