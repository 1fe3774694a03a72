"""What a random sample certifies: its chances, its estimate, its bound, and how often it holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from camruntime.errors import MethodError
from camruntime.graphs import Forward, Graphs
from camruntime.maps import Approximation, FloatArray, Upsampling, bilinear, rescale
from camruntime.methods import AnytimeScoreCAM, _certificate, _sample, make_method
from camruntime.methods._certificate import certified
from camruntime.methods._channel_masks import channel_masks
from camruntime.methods._sample import Drawn, Sample, chances_of
from camruntime.methods._surrogate import Surrogate

SIZE = (32, 32)


@dataclass
class Scored:
    """A network that is asked for scores by mask, all of which are known.

    Attributes:
        forward: with the maps.
        shown: the masks.
        scores: float32 `(n, targets)`.
        calls: how many masks were scored.
    """

    forward: Forward
    shown: FloatArray
    scores: FloatArray
    calls: int = 0

    def logits_of_masked_images(
        self, image: FloatArray, masks: FloatArray, upsampling: Upsampling
    ) -> FloatArray:
        rows = {mask.tobytes(): row for row, mask in enumerate(self.shown)}
        self.calls += len(masks)
        return self.scores[[rows[mask.tobytes()] for mask in masks]]

    @property
    def graphs(self) -> Graphs:
        return self  # type: ignore[return-value]  # the one call that the method makes

    def exact(self, target: int = 0) -> NDArray[np.float64]:
        weights = np.exp(self.scores[:, target].astype(np.float64))
        return np.maximum(np.tensordot(weights, self.forward.activations[0], 1), 0)


def scored(
    seed: int, rough: float, channels: int = 150, targets: int = 1, signed: bool = False
) -> Scored:
    """Blobs, and scores that rise with what a mask shows of one place, and are rough besides."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:6, 0:6]
    where, width = rng.uniform(0, 5, (channels, 2, 1, 1)), rng.uniform(0.6, 2, (channels, 1, 1))
    apart = (rows - where[:, 0]) ** 2 + (columns - where[:, 1]) ** 2
    maps = rng.gamma(1, 1, (channels, 1, 1)) * np.exp(-apart / (2 * width**2))
    maps = (maps + rng.gamma(1, 0.1, maps.shape) - (0.3 if signed else 0)).astype(np.float32)
    upsampling = bilinear((6, 6), SIZE)
    shown, _ = channel_masks(rescale(maps, *upsampling.extremes(maps)))
    object_ = np.exp(-((rows - 2) ** 2 + (columns - 3) ** 2) / 4)
    smooth = 0.25 * np.tensordot(shown, object_, 2)[:, None]
    scores = smooth + rough * rng.normal(0, 1, (channels, targets))
    image = np.zeros((1, 3, *SIZE), np.float32)
    forward = Forward(image, maps[None], np.zeros(targets, np.float32))
    return Scored(forward, shown, scores.astype(np.float32))


def _correlation(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def _certified(one: Scored, **options: float) -> tuple[FloatArray, Approximation]:
    method = AnytimeScoreCAM(**options)  # type: ignore[arg-type]  # the seed is whole
    found = method(one.graphs, one.forward, [0])
    return found.raw[0], found.approximations[0]


@pytest.mark.parametrize("rough", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("signed", [False, True])
def test_it_holds_in_95_of_100_draws(rough: float, signed: bool) -> None:
    """Wherever it stopped; also where a score says hardly anything of the others."""
    held = []
    for seed in range(100):
        one = scored(seed // 10, rough, signed=signed)
        certificate = (0.9, 0.98)[seed % 2]
        raw, near = _certified(one, share=1, certificate=certificate, seed=seed)
        assert near.correlation_certified is not None
        assert near.correlation_certified >= certificate
        held.append(near.correlation_certified <= _correlation(raw, one.exact()) + 1e-6)
    assert np.mean(held) >= 0.95


def test_it_says_more_than_the_bound_and_less_than_the_truth() -> None:
    found = []
    for seed in range(20):
        one = scored(seed, 0.1)
        raw, near = _certified(one, share=0.3, certificate=0.995, seed=seed)
        assert near.correlation_certified is not None
        sure, true = near.correlation_certified, _correlation(raw, one.exact())
        found.append((near.correlation_bound, sure, true))
    bound, sure, true = np.mean(found, axis=0)
    assert bound < 0.5
    assert 0.9 < sure < true


@pytest.mark.parametrize("options", [{"share": 0.3}, {"share": 0.6, "certificate": 0.9}])
def test_scores_that_are_far_apart_bound_nothing(options: dict[str, float]) -> None:
    """Half of the channels are 1e4 logits better: what is guessed of the others overflows."""
    one = scored(0, 1e4)
    raw, near = _certified(one, **options)
    assert (near.correlation_bound, near.correlation_estimate) == (-1, 0)
    assert near.correlation_certified in (None, -1)
    assert np.isfinite(raw).all()


@pytest.mark.parametrize("rough", [3.0, 5.0, 10.0])
def test_guesses_that_miss_by_logits_certify_nothing(rough: float) -> None:
    """A channel that was not drawn may then be all of the map: with all measured, it is known."""
    for seed in range(10):
        one = scored(seed, rough)
        some = _certified(one, share=0.6, certificate=0.9, seed=seed)[1].correlation_certified
        every = _certified(one, share=1, certificate=0.9, seed=seed)[1].correlation_certified
        assert (some, every) == (-1, 1)


def test_chances_by_hand() -> None:
    # 2 * (6, 1, 1, 1, 1) / 10 is 1.2 for the first: it is sure, and the others share one draw.
    found = chances_of(np.array([6.0, 1, 1, 1, 1]), 2)
    np.testing.assert_allclose(found, [1, 0.25, 0.25, 0.25, 0.25])
    # The second becomes sure once the first is: (3 - 1) * 5 / 8 is more than 1.
    np.testing.assert_allclose(chances_of(np.array([50.0, 5, 1, 1, 1]), 3), [1, 1, *[1 / 3] * 3])
    np.testing.assert_allclose(chances_of(np.zeros(4), 2), 0.5)
    np.testing.assert_allclose(chances_of(np.array([1e300, 1e-300, 0]), 3), 1)


class Fixed(Surrogate):
    """Guesses given, that learn nothing."""

    def __init__(self, guesses: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        self.measured = np.empty(0, np.int64)
        self._guesses, self._known = guesses, scores

    def learn(self, rows: NDArray[np.int64]) -> None:
        self.measured = np.concatenate([self.measured, rows])

    def predict(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        expected, deviation = self._guesses.copy(), np.full_like(self._guesses, 0.3)
        expected[self.measured], deviation[self.measured] = self._known[self.measured], 0
        return expected, deviation

    def left_out(self) -> NDArray[np.float64]:
        return self._guesses[self.measured]


def test_each_channel_is_drawn_as_often_as_its_chance() -> None:
    rng = np.random.default_rng(0)
    parts, zeros = rng.gamma(0.7, 1, (30, 8)), np.zeros((30, 1))
    often, times = np.zeros(30), 4000
    for seed in range(times):
        sample = Sample(seed)
        rows = sample.draw(parts, Fixed(zeros, zeros), 9)
        assert len(set(rows)) == 9
        often[rows] += 1
    chances = chances_of(_sample._promise(parts, Fixed(zeros, zeros)), 9)
    np.testing.assert_array_equal(sample.rounds[0].chances, chances[rows])
    assert chances.max() / chances.min() > 3
    np.testing.assert_allclose(often / times, chances, atol=4 * np.sqrt(0.25 / times))


def test_no_more_are_drawn_than_are_left() -> None:
    zeros, sample = np.zeros((6, 1)), Sample(0)
    surrogate = Fixed(zeros, zeros)
    surrogate.learn(np.array([1, 4]))
    assert set(sample.draw(np.ones((6, 3)), surrogate, 8)) == {0, 2, 3, 5}
    np.testing.assert_allclose(sample.rounds[0].chances, 1)


def test_what_counts_most_by_hand() -> None:
    """What is across each target's map, written out; relative to its sum, and the larger of two."""
    zeros = np.zeros((3, 2))
    guesses = zeros.copy()
    guesses[2, 1] = np.log(3)  # of the second target
    parts = np.array([[4.0, 0, 0], [0, 1, 0], [0, 0, 2]])
    found = _sample._promise(parts, Fixed(guesses, zeros))
    flat = parts - parts.mean(1, keepdims=True)
    expected = np.zeros((3, 2))
    for target, weights in enumerate(([1, 1, 1], [1, 1, 3])):
        shown = np.array(weights) @ flat
        for k in range(3):
            aside = flat[k] - shown * (flat[k] @ shown) / (shown @ shown)
            expected[k, target] = weights[k] * np.linalg.norm(aside) * (np.expm1(0.3) + 0.2)
    expected /= expected.sum(0)
    np.testing.assert_allclose(found, expected.max(1))


def test_the_estimate_is_right_in_the_mean() -> None:
    """Over draws, of the sum that is still missing; leaders between rounds included."""
    rng = np.random.default_rng(1)
    guesses, scores = np.zeros((40, 1)), rng.normal(0, 0.5, (40, 1))
    parts = rng.gamma(1, 1, (40, 5))
    missed = (np.exp(scores) - 1) * parts
    estimates, truths = [], []
    for seed in range(3000):
        surrogate, sample = Fixed(guesses, scores), Sample(seed)
        surrogate.learn(np.array([3, 7]))
        surrogate.learn(sample.draw(parts, surrogate, 5))
        left = np.setdiff1d(np.arange(40), surrogate.measured)
        surrogate.learn(left[:1])
        surrogate.learn(sample.draw(parts, surrogate, 6))
        shares = _certificate._shares(sample.rounds, len(surrogate.measured))
        estimates.append(shares.total @ missed[surrogate.measured])
        truths.append(np.delete(missed, surrogate.measured, 0).sum(0))
    off = np.mean(estimates, axis=0) - np.mean(truths, axis=0)
    assert (np.abs(off) < 4 * np.std(np.subtract(estimates, truths), axis=0) / 3000**0.5).all()


def test_shares_by_hand() -> None:
    # Two leaders; each drawn stands for 1 / chance, itself among them.
    one = _certificate._shares([Drawn(2, np.array([0.5, 0.25]))], 4)
    np.testing.assert_allclose(one.total, [0, 0, 1, 3])
    np.testing.assert_allclose(one.spread, np.sqrt([0, 0, 2, 12]) * np.sqrt(2))
    # Half of each round's: the first one's sum holds the second's channel, which is known by now.
    rounds = [Drawn(2, np.array([0.5])), Drawn(3, np.array([0.25]))]
    two = _certificate._shares(rounds, 5)
    np.testing.assert_allclose(two.total, [0, 0, 0.5 / 0.5 - 0.5, 0.5 / 0.25 - 1, -1])
    assert (one.draws, two.draws) == (2, 2)


def test_the_bound_by_hand() -> None:
    shares = _certificate._Shares(np.array([0.0, 1.0]), np.zeros(2), 5)
    across = np.array([[9.0, 9.0], [3.0, 0.0]])

    def bound(unmeasured: float, linear: bool, length: float = 4.0) -> float:
        view = _certificate._View(length, np.zeros(2), across, unmeasured, linear)
        return _certificate._bound(view, shares, 2.0)

    assert bound(0, linear=True) == pytest.approx(0.8)  # 3 aside and 4 ahead
    assert bound(0, linear=False) == pytest.approx(np.sqrt(1 - (3 / 4) ** 2))
    assert bound(2.5, linear=True) == pytest.approx(3 / 5)  # a surprise of 1: 4 aside, 3 ahead
    assert bound(10, linear=True) == -1
    assert bound(0, linear=False, length=3) == -1
    # Noise of 1.5 along the first axis and of 2 along the second: two deviations of the larger.
    noisy = shares._replace(spread=np.array([1.0, 0.0]))
    view = _certificate._View(30.0, np.zeros(2), np.array([[1.5, 2.0], [3.0, 0.0]]), 0, True)
    aside = 3 + 2 * 2.5  # one term has one direction
    assert _certificate._bound(view, noisy, 2.0) == pytest.approx(30 / np.hypot(30, aside))
    # What lengthens the map helps, and its noise does not.
    ahead = _certificate._View(4.0, np.array([0.5, 1.0]), across * [[0], [1]], 0, True)
    assert _certificate._bound(ahead, noisy, 2.0) == pytest.approx(4 / 5)


def test_a_tenth_of_the_draws_is_near_the_others_by_hand() -> None:
    lengths = np.array([0, 9, 3, *[2] * 17, 1], np.float64)  # a leader, and 20 draws
    kept = _certificate._winsorised(lengths, 20)
    np.testing.assert_allclose(kept * lengths, [0, 3, 3, *[2] * 17, 1])  # 1.5 * 2 at most
    np.testing.assert_array_equal(_certificate._winsorised(lengths, 9), 1)  # of 9, none
    sure = np.array([0, 0, 9.0, 3.0])  # all others were drawn for certain
    np.testing.assert_array_equal(_certificate._winsorised(sure, 20), 1)


def test_one_surprise_among_many_counts_as_much_as_others_would() -> None:
    shares = _certificate._Shares(np.full(20, 0.5), np.full(20, 0.25), 20)
    across, along = np.full((20, 1), 0.1), np.full(20, 0.2)
    even = _certificate._bound(_certificate._View(9, along, across, 0, True), shares, 2.0)
    across[0], along[0] = 5, 10
    wild = _certificate._bound(_certificate._View(9, along, across, 0, True), shares, 2.0)
    aside = 0.5 * (19 * 0.1 + 0.15) + 2 * 0.25 * np.sqrt(19 * 0.1**2 + 0.15**2)
    ahead = 9 + 0.5 * (19 * 0.2 + 0.3) - 2 * 0.25 * np.sqrt(19 * 0.2**2 + 0.3**2)
    assert wild == pytest.approx(ahead / np.hypot(ahead, aside))
    assert wild < even


def test_guesses_of_the_left_out_are_those_of_the_others() -> None:
    """Each row is really left out, its part in the unknown mean as well."""
    rng = np.random.default_rng(2)
    masks, seen, scores = rng.random((12, 3, 4)), rng.random((3, 4)), rng.normal(0, 2, (12, 2))
    rows = np.array([7, 2, 9, 4, 11, 0])
    whole = Surrogate(masks.astype(np.float32), seen, 2)
    whole.measure(rows, scores[rows])
    for place, row in enumerate(rows):
        part = Surrogate(masks.astype(np.float32), seen, 2)
        rest = np.delete(rows, place)
        part.measure(rest, scores[rest])
        np.testing.assert_allclose(whole.left_out()[place], part.predict()[0][row], rtol=1e-9)


def test_a_single_score_has_no_others() -> None:
    one = Surrogate(np.random.default_rng(0).random((4, 2, 2), np.float32), np.ones((2, 2)), 1)
    one.measure([2], np.array([[1.5]]))
    np.testing.assert_array_equal(one.left_out(), [[1.5]])


def test_a_seed_gives_the_same_map_again() -> None:
    one = scored(3, 0.3)
    first, near = _certified(one, share=0.3, certificate=0.995, seed=4)
    again, same = _certified(one, share=0.3, certificate=0.995, seed=4)
    other, _ = _certified(one, share=0.3, certificate=0.995, seed=5)
    np.testing.assert_array_equal(first, again)
    assert near == same
    assert np.abs(first - other).max() > 0


def test_without_a_certificate_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    one = scored(3, 0.3)
    plain, near = _certified(one, share=0.3)
    assert near.correlation_certified is None

    def never(seed: int) -> None:
        raise AssertionError("a sample was drawn")

    monkeypatch.setattr("camruntime.methods.anytime_score_cam.Sample", never)
    other, _ = _certified(one, share=0.3, seed=5)
    np.testing.assert_array_equal(plain, other)


def test_it_stops_when_every_target_is_certified() -> None:
    one = scored(1, 0.02, targets=3)
    one.scores[:, 1] += np.random.default_rng(0).normal(0, 0.3, 150)  # the hardest
    method = AnytimeScoreCAM(share=1, certificate=0.95)
    found = method(one.graphs, one.forward, [0, 1, 2])
    least = [near.correlation_certified for near in found.approximations]
    assert all(it is not None and it >= 0.95 for it in least)
    assert found.approximations[0].evaluated == one.calls < len(one.shown)
    for target, (raw, sure) in enumerate(zip(found.raw, least, strict=True)):
        assert sure is not None
        assert sure <= _correlation(raw, one.exact(target))


def test_where_it_cannot_be_had_it_says_so() -> None:
    one = scored(1, 1.0)
    _, near = _certified(one, share=0.2, certificate=0.98)
    assert near.evaluated == 30 == one.calls
    assert near.correlation_certified is not None
    assert near.correlation_certified < 0.98
    _, few = _certified(one, share=0.065, certificate=0.5)  # 8 leaders and 2 draws
    assert (few.evaluated, few.correlation_certified) == (10, -1)
    smooth = scored(1, 0.02)
    _, short = _certified(smooth, share=0.155, certificate=0.5)  # 8 leaders, 15 draws
    assert (short.evaluated, short.correlation_certified) == (23, -1)
    _, enough = _certified(smooth, share=0.16, certificate=0.5)  # leaders give way to 16 draws
    assert enough.evaluated == 24
    assert enough.correlation_certified is not None
    assert enough.correlation_certified > 0.5
    _, none = _certified(one, share=0.01, certificate=0.5)
    assert (none.evaluated, none.correlation_certified) == (8, -1)


def test_with_every_channel_it_is_certain() -> None:
    one = scored(1, 3.0, channels=20)  # so rough that no sample suffices
    raw, near = _certified(one, share=1, certificate=0.995)
    assert (near.evaluated, near.correlation_certified) == (20, 1)
    assert _correlation(raw, one.exact()) > 1 - 1e-6


def test_scores_that_are_no_numbers_certify_nothing() -> None:
    one = scored(1, 0.1)
    one.scores[::3] = np.nan
    _, near = _certified(one, share=0.4, certificate=0.9)
    assert (near.evaluated, near.correlation_certified) == (60, -1)


def test_later_looks_leave_less_to_chance() -> None:
    """The doubts add up to the 5 percent: 4, 0.8, 0.16 and so on."""
    rng = np.random.default_rng(0)
    scores, parts = rng.normal(0, 0.03, (60, 1)), rng.gamma(1, 1, (60, 9))
    surrogate, sample = Fixed(np.zeros((60, 1)), scores), Sample(0)
    surrogate.learn(np.arange(10))
    surrogate.learn(sample.draw(parts, surrogate, 20))
    found = [certified(parts, surrogate, sample.rounds, look)[0] for look in range(4)]
    assert 0.9 < found[3] < found[2] < found[1] < found[0] <= 0.995


def test_of_15_draws_nothing_is_certified() -> None:
    parts, scores = np.random.default_rng(0).gamma(1, 1, (60, 9)), np.zeros((60, 1))
    found: list[float] = []
    for count in (15, 16):
        surrogate, sample = Fixed(scores, scores), Sample(0)
        surrogate.learn(np.arange(30))
        surrogate.learn(sample.draw(parts, surrogate, count))
        found += certified(parts, surrogate, sample.rounds, 0)
    assert found[0] == -1
    assert found[1] > 0.5


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("certificate=1", r"certificate lies in \[0, 0.995\], got 1.0"),
        ("certificate=-0.5", r"certificate lies in \[0, 0.995\], got -0.5"),
        ("certificate=nan", r"certificate lies in \[0, 0.995\], got nan"),
        ("certificate=0.9:tolerance=0.1", "a certificate decides when to stop, and so would tol"),
        ("certificate=0.9:milliseconds=5", "leave them out, and limit it by share"),
        ("seed=-1", "seed is a whole number of at least 0, got -1"),
    ],
)
def test_impossible_options_are_refused(options: str, said: str) -> None:
    with pytest.raises(MethodError, match=said):
        make_method(f"anytime-score-cam:{options}")
