"""When good parts begin to look different: bets by hand, false alarms, and what moved it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import camruntime
from camruntime import Drift
from camruntime.calibration import Calibration, OfMethod, OfTarget, Part, measures_of
from camruntime.errors import CalibrationError
from camruntime.explanation import Explanation
from conftest import INSPECTOR
from good_parts import brushed, scratched


def _calibration(values: np.ndarray, tops: np.ndarray | None = None) -> Calibration:
    """Of one method and target; the class of good parts is 0."""
    classes = np.zeros(len(values), int) if tops is None else tops
    threshold, typical, scale = measures_of(values, 0.05)
    target = OfTarget(
        target="not good",
        classes=(1, 2, 3, 4),
        against=0,
        threshold=threshold,
        threshold_as_top=None,
        typical=typical,
        scale=scale,
        strongest=tuple(values.tolist()),
    )
    return Calibration(
        bundle="0" * 64,
        model="a network",
        layer="a layer",
        provider="CPUExecutionProvider",
        alpha=0.05,
        good=0,
        parts=tuple(
            Part(name=f"{row}", sha256=f"{row:064}", top=int(one))
            for row, one in enumerate(classes)
        ),
        left_out=(),
        methods=(OfMethod(method="recipro-cam", unit="probability", targets=(target,)),),
    )


def _normal(seed: int, count: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count)


def test_the_statistic_by_hand() -> None:
    """Shiryaev and Roberts's: the sum over all beginnings of the Simple Jumper's capital.

    Each bet's own capital, started at each part, jumps and multiplies by itself here.
    """
    values, new = _normal(0, 20), _normal(1, 6)
    drift = Drift(_calibration(values), seed=3)
    random, seen, p_values = np.random.default_rng(3), list(values), []
    for one in new:
        drift.add_evidence(one)
        seen.append(one)
        above, equal = np.sum(np.array(seen) > one), np.sum(np.array(seen) == one)
        p_values.append((above + random.random() * equal) / len(seen))
    total = 0.0
    for begin in range(len(new)):
        capital = np.full(3, 1 / 3)
        for p_value in p_values[begin:]:
            capital = 0.99 * capital + 0.01 * capital.mean()
            capital = capital * (1 + np.array([-1, 0, 1]) * (p_value - 0.5))
        total += capital.sum()
    assert drift.statistic == pytest.approx(total, rel=1e-12)
    assert drift.parts == 6


def test_p_values_are_uniform_while_nothing_changes() -> None:
    """Also with ties, as of maps that are 0 on most good parts."""
    for decimals in (9, 0):
        drift = Drift(_calibration(_normal(2, 500).round(decimals)))
        p_values = np.sort([drift._p_value(one) for one in _normal(3, 2000).round(decimals)])
        furthest = np.abs(p_values - (np.arange(2000) + 0.5) / 2000).max()
        assert furthest < 1.63 / np.sqrt(2000)  # Kolmogorov and Smirnov, 1 percent


def test_false_alarms_are_as_rare_as_is_said() -> None:
    """Within n parts with probability at most n / parts_per_false_alarm."""
    alarms = 0
    for seed in range(100):
        drift = Drift(_calibration(_normal(seed, 100)), parts_per_false_alarm=1000, seed=seed)
        alarms += any(drift.add_evidence(one) for one in _normal(1000 + seed, 100))
    assert alarms <= 18  # of 100 at 10 percent: more has a probability below 0.005


@pytest.mark.parametrize(("shift", "direction"), [(1.5, "more"), (-1.5, "less")])
def test_a_shift_is_seen_and_told(shift: float, direction: str) -> None:
    drift = Drift(_calibration(_normal(0)), parts_per_false_alarm=10_000)
    for row, one in enumerate(_normal(1, 100)):
        assert drift.add_evidence(one, f"before {row}") is None
    alarm = None
    for row, one in enumerate(_normal(2, 100) + shift):
        alarm = alarm or drift.add_evidence(one, f"after {row}")
    assert alarm is not None
    assert 100 < alarm.part < 150
    assert abs(alarm.began - 101) <= 15
    assert alarm.direction == direction
    assert alarm.statistic >= 10_000
    factors = [one.factor for one in alarm.moved_by]
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] > 1
    assert all(one.name.startswith("after") for one in alarm.moved_by[:10])


def test_after_a_reset_it_begins_anew() -> None:
    drift = Drift(_calibration(_normal(0)))
    alarms = [drift.add_evidence(5.0) for _ in range(60)]
    assert alarms[-1] is not None
    drift.reset()
    assert drift.statistic == drift.parts == 0
    assert drift.add_evidence(0.0) is None


def test_a_long_alarm_stays_a_number() -> None:
    """Whatever lasts: a line may run on for days before somebody looks."""
    drift = Drift(_calibration(_normal(0)))
    for _ in range(6000):
        alarm = drift.add_evidence(9.0)
    assert alarm is not None
    assert np.isfinite(alarm.statistic)
    assert len(alarm.moved_by) <= 1000


def test_parts_that_the_network_calls_bad_do_not_count() -> None:
    """Neither now nor in the calibration: half of it, with much more evidence, is left out."""
    values = np.concatenate([_normal(0, 100), _normal(1, 100) + 50])
    tops = np.repeat([0, 3], 100)
    with_bad = Drift(_calibration(values, tops), seed=1)
    without = Drift(_calibration(values[:100]), seed=1)
    for one in _normal(2, 20):
        with_bad.add_evidence(one)
        without.add_evidence(one)
    assert with_bad.statistic == without.statistic


def test_explanations_of_something_else_are_refused() -> None:
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    drift = Drift(_calibration(_normal(0)))
    with pytest.raises(CalibrationError, match="got it by no method"):
        drift.add(explainer.explain(brushed(1), target="not good"))


def test_explanations_are_added(tmp_path: object) -> None:
    bundle = camruntime.open_bundle(INSPECTOR)
    mine = dataclasses.replace(
        _calibration(np.linspace(0.7, 0.8, 50)), bundle=bundle.manifest.digest
    )
    file = tmp_path / "x.json"  # type: ignore[operator]
    mine.write(file)
    explainer = camruntime.load(INSPECTOR, ["cpu"], calibration=file)
    drift = Drift(mine)
    good = explainer.explain(brushed(1), target=drift.asked)
    drift.add(good)
    assert good.evidence is not None
    assert good.evidence.strongest == float(good.raw.max())
    assert drift.parts == 1
    bad = explainer.explain(scratched(1), target="not good")
    assert bad.predicted.label != "good"
    assert drift.add(bad) is None
    assert drift.parts == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "score-cam"}, "not of 'score-cam'"),
        ({"target": "scratch"}, "not of 'scratch'"),
        ({"parts_per_false_alarm": 1}, "at least 2"),
    ],
)
def test_no_such_drift(options: dict[str, object], words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        Drift(_calibration(_normal(0)), **options)  # type: ignore[arg-type]


def test_a_calibration_without_a_part_that_is_called_good_is_refused() -> None:
    with pytest.raises(CalibrationError, match="none of the calibration's 20 good parts"):
        Drift(_calibration(_normal(0, 20), np.full(20, 2)))


def test_no_number_is_no_evidence() -> None:
    with pytest.raises(CalibrationError, match="evidence"):
        Drift(_calibration(_normal(0))).add_evidence(float("nan"))


def test_explanations_of_another_calibration_are_refused() -> None:
    """Of another network their evidence has another scale, though method and target are the same.

    So has that which an explainer makes after `reload`.
    """
    watched, other = (_calibration(_normal(seed)) for seed in (0, 1))
    explainer = camruntime.load(INSPECTOR, ["cpu"])
    plain = explainer.explain(brushed(0), "recipro-cam", "not good")

    def held_against(calibration: Calibration) -> Explanation:
        yardstick = calibration.yardstick("recipro-cam", ((1, 2, 3, 4), 0), False)
        return dataclasses.replace(plain, evidence=yardstick.evidence(plain.raw, 0.0, (128, 128)))

    drift = Drift(watched)
    drift.add(held_against(watched))
    with pytest.raises(CalibrationError, match="begin with a new Drift"):
        drift.add(held_against(other))
    assert drift.parts == 1


@pytest.mark.parametrize("given", [None, "file.json", {}])
def test_it_watches_with_a_calibration(given: object) -> None:
    with pytest.raises(CalibrationError, match="expected a calibration"):
        Drift(given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"target": 1}, "not of '1'"),
        ({"target": ["not good"]}, "not of "),
        ({"method": 3}, "not of '3'"),
        ({"seed": "x"}, "seed is a whole number"),
        ({"seed": -1}, "seed is a whole number"),
    ],
)
def test_what_is_no_option_is_refused(options: dict[str, object], words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        Drift(_calibration(_normal(0)), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [None, [], "part"])
def test_it_is_told_of_one_explanation_at_a_time(given: object) -> None:
    with pytest.raises(CalibrationError, match="expected one explanation"):
        Drift(_calibration(_normal(0))).add(given)  # type: ignore[arg-type]
