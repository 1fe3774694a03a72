"""Anytime Score-CAM: the guess in its plain form, its bound, and when it stops."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import camruntime
from camruntime.errors import MethodError
from camruntime.graphs import Forward
from camruntime.maps import FloatArray
from camruntime.methods import AnytimeScoreCAM, ScoreCAM, _known_channels, _student, make_method
from camruntime.methods._surrogate import Surrogate
from numpy_graphs import NumpyGraphs


@pytest.fixture
def wide() -> NumpyGraphs:
    """Sixty channels, so that there is something to leave out; three classes."""
    rng = np.random.default_rng(8)
    return NumpyGraphs(
        mix=rng.normal(0, 1, (60, 3)).astype(np.float32),
        weights=rng.normal(0, 0.5, (3, 60)).astype(np.float32),
        bias=rng.normal(0, 1, 3).astype(np.float32),
    )


@pytest.fixture
def seen(wide: NumpyGraphs, image: FloatArray) -> Forward:
    return wide.forward(image)


def _correlation(one: FloatArray, other: FloatArray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _kernel(masks: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Matern 3/2 and the linear kernel of every pair, written out."""
    through = np.array([(mask * seen).sum() for mask in masks])
    through = (through - through.mean()) / through.std()
    kernel = np.empty((len(masks), len(masks)))
    for i, j in itertools.product(range(len(masks)), repeat=2):
        r = np.sqrt(3 * ((masks[i] - masks[j]) ** 2).mean()) / 0.75
        kernel[i, j] = (1 + r) * np.exp(-r) + through[i] * through[j]
    return kernel


def test_the_guess_is_a_gaussian_process_with_an_unknown_mean() -> None:
    """Against dense inverses; deviations against guesses with one score really left out."""
    rng = np.random.default_rng(0)
    masks, seen, scores = rng.random((12, 3, 4)), rng.random((3, 4)), rng.normal(0, 2, (12, 2))
    rows = [7, 2, 9, 4, 11]
    surrogate = Surrogate(masks.astype(np.float32), seen, 2)
    surrogate.measure(rows[:2], scores[rows[:2]])
    surrogate.measure(rows[2:], scores[rows[2:]])
    expected, deviation = surrogate.predict()

    kernel = _kernel(masks.astype(np.float32).astype(np.float64), seen)
    inside = kernel[np.ix_(rows, rows)] + 1e-3 * np.eye(5)
    inverse = np.linalg.inv(inside)
    mean = inverse.sum(0) @ scores[rows] / inverse.sum()
    guessed = mean + kernel[:, rows] @ inverse @ (scores[rows] - mean)
    missed = []
    for out, row in enumerate(rows):
        rest = [k for k in range(5) if k != out]
        part = np.linalg.inv(inside[np.ix_(rest, rest)])
        across = inside[out, rest]
        wrong = scores[row] - mean - across @ part @ (scores[rows] - mean)[rest]
        missed.append(wrong**2 / (inside[out, out] - across @ part @ across))
    scale = np.sqrt(np.mean(missed, axis=0))
    unit = np.diagonal(kernel) - np.einsum("ij,jk,ik->i", kernel[:, rows], inverse, kernel[:, rows])
    others = [k for k in range(12) if k not in rows]
    np.testing.assert_allclose(expected[others], guessed[others], rtol=1e-9)
    np.testing.assert_allclose(
        deviation[others], np.sqrt(unit)[others, None] * scale[None], rtol=1e-6
    )
    np.testing.assert_array_equal(expected[rows], scores[rows])
    assert (deviation[rows] == 0).all()


def test_masks_that_are_equal_do_not_break_the_guess() -> None:
    surrogate = Surrogate(np.full((40, 2, 2), 0.3, np.float32), np.ones((2, 2)), 1)
    surrogate.measure(range(30), np.full((30, 1), 2.5))
    expected, deviation = surrogate.predict()
    np.testing.assert_allclose(expected, 2.5)
    np.testing.assert_allclose(deviation, 0, atol=1e-9)


def test_with_every_channel_it_is_score_cam(wide: NumpyGraphs, seen: Forward) -> None:
    found = AnytimeScoreCAM(share=1)(wide, seen, [2, 0])
    np.testing.assert_allclose(found.raw, ScoreCAM()(wide, seen, [2, 0]).raw, rtol=1e-6)
    for one in found.approximations:
        assert (one.correlation_estimate, one.correlation_bound) == (1, 1)
        assert one.evaluated == one.channels


def test_fewer_channels_than_a_round_are_all_measured(
    numpy_graphs: NumpyGraphs, image: FloatArray
) -> None:
    forward = numpy_graphs.forward(image)
    found = AnytimeScoreCAM(share=0.01)(numpy_graphs, forward, [1])
    np.testing.assert_allclose(found.raw, ScoreCAM()(numpy_graphs, forward, [1]).raw, rtol=1e-6)
    assert found.approximations[0].correlation_bound == 1


def test_flat_channels_share_a_pass_and_change_nothing(wide: NumpyGraphs, seen: Forward) -> None:
    """Also where they are not zero: each adds its constant, weighted as the blank image scores."""
    maps = seen.activations.copy()
    maps[0, 10:30] = 0.4
    forward = Forward(seen.image, maps, seen.logits)
    live = int((np.ptp(maps[0], axis=(1, 2)) > 0).sum())
    found = AnytimeScoreCAM(share=1)(wide, forward, [0])
    assert found.approximations[0].channels == wide.calls == live + 1
    np.testing.assert_allclose(found.raw, ScoreCAM()(wide, forward, [0]).raw, rtol=1e-6)


@pytest.mark.parametrize("seed", range(6))
def test_a_part_comes_near_and_its_bound_holds(
    wide: NumpyGraphs, image: FloatArray, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    forward = wide.forward(image + rng.normal(0, 1, image.shape).astype(np.float32))
    exact = ScoreCAM()(wide, forward, [0, 1]).raw
    for share in (0.3, 0.5, 0.7):
        found = AnytimeScoreCAM(share=share)(wide, forward, [0, 1])
        for raw, wanted, one in zip(found.raw, exact, found.approximations, strict=True):
            assert one.evaluated == max(8, round(share * one.channels))
            assert one.correlation_bound <= one.correlation_estimate <= 1
            assert one.correlation_bound <= _correlation(raw, wanted)
            assert _correlation(raw, wanted) > 0.97


def test_guessing_is_nearer_than_leaving_out(wide: NumpyGraphs, seen: Forward) -> None:
    exact = ScoreCAM()(wide, seen, [0]).raw
    found = AnytimeScoreCAM(share=0.3)(wide, seen, [0]).raw
    largest = np.argsort(-seen.activations[0].sum((1, 2)))[:8]
    part = Forward(seen.image, seen.activations[:, largest], seen.logits)
    left_out = ScoreCAM()(wide, part, [0]).raw
    assert 1 - _correlation(found, exact) < 0.2 * (1 - _correlation(left_out, exact))


def test_no_error_within_the_slack_goes_below_the_bound() -> None:
    """By trying: thousands of errors, most of them at the ends of what is allowed."""
    rng = np.random.default_rng(3)
    parts, scores = rng.normal(0.3, 1, (20, 30)), rng.normal(0, 1, 20)
    slack = np.where(np.arange(20) < 12, 0, 0.02)
    bound = _known_channels._correlation(parts, scores, slack)
    mine = np.maximum(np.exp(scores) @ parts, 0).astype(np.float32)
    worst = 1.0
    for _ in range(3000):
        errors = slack * rng.choice([-1, -1, 0.3, 1, 1], 20)
        exact = np.maximum(np.exp(scores + errors) @ parts, 0).astype(np.float32)
        worst = min(worst, _correlation(mine, exact))
    assert 0.9 < bound <= worst < 1


def test_the_bound_by_hand() -> None:
    # Two parts of weight 1 each: the map is (4, 0) + (0, 1) = (4, 1), centred (1.5, -1.5), and of
    # length 1.5 sqrt(2). The second score off by log 2 doubles its part: (0, 1) more, of length 1.
    parts, scores = np.array([[4.0, 0.0], [0.0, 1.0]]), np.zeros(2)
    found = _known_channels._correlation(parts, scores, np.array([0, np.log(2)]))
    assert found == pytest.approx(np.sqrt(1 - 1 / 4.5))
    assert _known_channels._correlation(parts, scores, np.array([0, 2.0])) == -1


def test_the_first_round_takes_the_strongest_maps(wide: NumpyGraphs, seen: Forward) -> None:
    shown: list[FloatArray] = []
    once = wide.logits_of_masked_images

    def spy(*arguments: FloatArray) -> FloatArray:
        shown.append(arguments[1])
        return once(*arguments)  # type: ignore[arg-type]

    wide.logits_of_masked_images = spy  # type: ignore[method-assign,assignment]
    AnytimeScoreCAM(share=0.2)(wide, seen, [0])
    maps = seen.activations[0]
    strongest = np.argsort(-np.linalg.norm(maps.reshape(60, -1), axis=1))[:8]
    low, high = maps[strongest].min((1, 2)), maps[strongest].max((1, 2))
    assert len(shown[0]) == 8
    # The small mask lies within rounding of the image's, whose extremes come from upsampling.
    scaled = (maps[strongest] - low[:, None, None]) / (high - low)[:, None, None]
    assert all(
        np.corrcoef(a.ravel(), b.ravel())[0, 1] > 1 - 1e-6
        for a, b in zip(shown[0], scaled, strict=True)
    )


class Guessed(Surrogate):
    """Guesses given."""

    def __init__(self, expected: list[list[float]], deviation: list[list[float]]) -> None:
        self.measured = np.array([3])
        self._given = np.array(expected), np.array(deviation)

    def predict(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._given


def test_what_comes_next_can_still_change_the_map_most() -> None:
    # |A| (exp(z + d) - exp(z)): 1 (e - 1) = 1.7; 1 e^2 (e - 1) = 12.7; 1 (e^3 - 1) = 19.1; the last
    # was measured. With a map twice as strong the second comes before the third.
    guess = [[0.0], [2.0], [0.0], [9.0]], [[1.0], [1.0], [3.0], [0.0]]
    parts = np.eye(4)
    next_one = _known_channels.Known(Guessed(*guess), parts).next
    np.testing.assert_array_equal(next_one(), [2, 1, 0])
    parts[1] *= 2
    np.testing.assert_array_equal(next_one(), [1, 2, 0])


def test_what_comes_next_is_what_any_target_needs_most() -> None:
    # Relative to each target's most promising: (0.1, 1), (1, 0.01), (0.5, 0.02).
    def slack(promise: float) -> float:
        return float(np.log1p(promise))

    deviations = [[slack(0.1), slack(100)], [slack(1), slack(1)], [slack(0.5), slack(2)], [0.0, 0]]
    known = _known_channels.Known(Guessed([[0.0, 0.0]] * 4, deviations), np.eye(4))
    assert set(known.next()[:2]) == {0, 1}
    assert known.next()[2] == 2


def test_channels_that_share_a_mask_count_together() -> None:
    maps = np.arange(12, dtype=np.float32).reshape(3, 2, 2)
    found = _known_channels.summed(maps, np.array([1, 0, 1]), 2)
    np.testing.assert_array_equal(found, [[4, 5, 6, 7], [8, 10, 12, 14]])


def test_it_stops_when_the_tolerance_is_bounded(wide: NumpyGraphs, seen: Forward) -> None:
    found = AnytimeScoreCAM(share=1, tolerance=0.01)(wide, seen, [0]).approximations[0]
    assert found.correlation_bound >= 0.99
    assert found.evaluated < found.channels
    before = (found.evaluated - 8) / found.channels
    earlier = AnytimeScoreCAM(share=before)(wide, seen, [0]).approximations[0]
    assert earlier.evaluated == found.evaluated - 8
    assert earlier.correlation_bound < 0.99


def test_it_stops_when_the_time_is_up(
    wide: NumpyGraphs, seen: Forward, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at the clock is 10 ms later than the one before: one at the start, one a round."""
    ticks = itertools.count(0, 0.010)
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    found = AnytimeScoreCAM(share=1, milliseconds=15)(wide, seen, [0]).approximations[0]
    assert found.evaluated == 16


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("share=0", r"share lies in \(0, 1\], got 0.0"),
        ("share=1.5", r"share lies in \(0, 1\], got 1.5"),
        ("share=nan", r"share lies in \(0, 1\], got nan"),
        ("tolerance=1", r"tolerance lies in \[0, 1\), got 1.0"),
        ("milliseconds=-1", "milliseconds are at least 0, got -1"),
    ],
)
def test_impossible_options_are_refused(options: str, said: str) -> None:
    with pytest.raises(MethodError, match=said):
        make_method(f"anytime-score-cam:{options}")


def test_an_explanation_says_how_near_it_is(
    inspector: Path, samples: list[Path], tmp_path: Path
) -> None:
    explainer = camruntime.load(inspector, ["cpu"])
    exact = explainer.explain(samples[0], "score-cam")
    found = explainer.explain(samples[0], "anytime-score-cam", share=0.6)
    assert found.approximation is not None
    assert exact.approximation is None
    true = _correlation(found.raw, exact.raw)
    assert found.approximation.correlation_bound <= true
    assert true > 0.99
    _, _, figures = found.save(tmp_path, "one")
    written = json.loads(figures.read_text(encoding="utf-8"))["approximation"]
    assert written["evaluated"] == found.approximation.evaluated < written["channels"]
    assert "approximation" not in exact.figures()


@pytest.mark.parametrize(
    ("deviations", "freedom", "exact"),
    [(4, 6, 9.844), (4, 14, 5.619), (4, 49, 4.375), (1, 6, 1.091), (4, 10**6, 4.0)],
)
def test_deviations_of_few_scores_are_students(
    deviations: float, freedom: int, exact: float
) -> None:
    """Quantiles of Student's t, by SciPy, at the probability beyond so many deviations."""
    found = _student.student(deviations, freedom)
    assert found == pytest.approx(exact, rel=0.03)
    assert _student.student(deviations, freedom + 1) < found or freedom > 1000


def test_bound_and_estimate_where_nothing_is_known() -> None:
    # The guesses may be off by more than the map is long: any map may be the exact one.
    guess = Guessed([[0.0], [0.0], [0.0], [1.0]], [[5.0], [5.0], [5.0], [0.0]])
    (found,) = _known_channels.Known(guess, np.eye(4)).nearness()
    assert (found.correlation_bound, found.correlation_estimate) == (-1, 0)


def test_bound_and_estimate_take_four_deviations_and_one() -> None:
    surrogate = Guessed([[0.0], [2.0], [0.0], [9.0]], [[0.01], [0.01], [0.01], [0.0]])
    surrogate.measured = np.arange(10)  # with 8 degrees of freedom
    known = _known_channels.Known(surrogate, np.eye(4))
    (found,) = known.nearness()
    mean, sigma = (values[:, 0] for values in surrogate.predict())
    for told, times in ((found.correlation_bound, 7.669), (found.correlation_estimate, 1.0652)):
        expected = _known_channels._correlation(known.parts, mean, times * sigma)
        assert told == pytest.approx(expected, rel=1e-4)
        assert 0 < told < 1
