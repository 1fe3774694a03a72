"""Budgets: what fits is taken, what does not says so before it starts, and nothing is late."""

from __future__ import annotations

import dataclasses
import logging
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import camruntime
from camruntime import Explainer, Policy
from camruntime._freed_memory import keep_freed_memory
from camruntime.budget import costs as costs_module
from camruntime.budget import running
from camruntime.budget.deadline import Deadline
from camruntime.budget.measuring import PASS, PASS_WITH_CELLS, Curve
from camruntime.budget.memory import growth_of
from camruntime.budget.pace import Pace
from camruntime.budget.policy import choose
from camruntime.engine import DeviceValue, Engine
from camruntime.errors import BudgetError, Cancelled, ImageError, MethodError
from camruntime.explaining.contrasting import Versus
from camruntime.explanation import Explanation
from camruntime.methods import ScoreCAM
from manifests import edit_manifest

MIB = 2**20
BY_HAND = {
    PASS: Curve(1, 0.010, 0.0, 0.0),
    PASS_WITH_CELLS: Curve(1, 0.012, 0.0, 0.0),
    "logits_of_single_cells": Curve(1, 0.003, 0.0, 0.0),
    "logits_of_masked_images": Curve(8, 0.010, 0.045, 2 * MIB),
    "gradients": Curve(16, 0.004, 0.034, 1 * MIB),
}
"""A row of masked images takes 10 ms, each further one of a chunk 5 ms."""
CLASSES: list[Any] = [ScoreCAM]
USUAL = ["score-cam", "anytime-score-cam", "recipro-cam"]


@pytest.fixture
def explainer(inspector: Path, monkeypatch: pytest.MonkeyPatch) -> Explainer:
    """The inspector, with costs that are known by hand."""

    def known(_: object, kinds: list[str]) -> Mapping[str, Curve]:
        return {kind: BY_HAND[kind] for kind in kinds}

    monkeypatch.setattr(costs_module, "measure", known)
    return camruntime.load(inspector, ["cpu"])


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Each run of a graph, with its rows."""
    told: list[tuple[str, int]] = []
    once = Engine.run

    def run(self: Engine, graph: str, inputs: Mapping[str, Any]) -> tuple[DeviceValue, ...]:
        answer = once(self, graph, inputs)
        told.append((graph, len(answer[0].numpy())))
        return answer

    monkeypatch.setattr(Engine, "run", run)
    return told


def _slowly(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let every pass of masked images take so long."""
    once = Engine.run

    def run(self: Engine, graph: str, inputs: Mapping[str, Any]) -> tuple[DeviceValue, ...]:
        if graph == "mask_images":
            time.sleep(seconds)
        return once(self, graph, inputs)

    monkeypatch.setattr(Engine, "run", run)


def test_costs_are_added_up(explainer: Explainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """96 channels are 12 chunks of 45 ms, and a pass of 10 ms; single cells come with theirs."""
    found = explainer.warm_up([*USUAL, "grad-cam"])
    free = {"score-cam": 550, "recipro-cam": 12, "grad-cam": 14}
    for spec, milliseconds in free.items():
        assert found[spec].milliseconds == pytest.approx(milliseconds, abs=4)  # NumPy's own
    assert found["anytime-score-cam"].milliseconds == pytest.approx(10 + 45 + 20, abs=15)
    assert {spec: one.passes for spec, one in found.items()} == {
        "score-cam": 97,
        "anytime-score-cam": 11,
        "recipro-cam": 1,
        "grad-cam": 2,
    }
    assert found["score-cam"].megabytes == 16
    assert found["grad-cam"].megabytes == 1


def test_a_method_that_stops_by_the_clock_costs_that_and_a_round(explainer: Explainer) -> None:
    """A pass of 10 ms, 100 as it was told, and 45 for the eight copies that are under way."""
    spec = "anytime-score-cam:share=1.0:milliseconds=100.0"
    (found,) = explainer.warm_up([spec]).values()
    assert found.milliseconds == pytest.approx(10 + 100 + 45, abs=1)


def test_a_method_is_left_with_room_for_the_cheapest_behind_it(explainer: Explainer) -> None:
    """Recipro-CAM on a pass that was made: 3 ms, up to 3.9, and what was late lately."""
    methods = [explainer.method(one) for one in ("score-cam", "recipro-cam")]
    costs = explainer._used.costs
    costs.prepare(methods, [0])
    begin = time.perf_counter()
    for budget, stall, left_at in ((1500, 0, 1496.1), (1500, 300, 1196.1)):
        costs.pace._stall = stall
        call = running._Call(costs, Policy(methods, budget_ms=budget), explainer.graphs(), begin)
        fit = choose(costs, methods, [0], call.left_ms, None)
        found = 1e3 * (running._leave_at(call, fit, [0]) - begin)
        assert found == pytest.approx(left_at, abs=1)
    alone = running._Call(costs, Policy(methods[:1], budget_ms=900), explainer.graphs(), begin)
    only = choose(costs, methods[:1], [0], alone.left_ms, None)
    assert 1e3 * (running._leave_at(alone, only, [0]) - begin) == pytest.approx(900, abs=1)


def test_a_curve_between_one_row_and_a_chunk() -> None:
    curve = Curve(chunk=5, one=0.010, whole=0.030, row=100.0)
    assert curve.seconds(5, None) == pytest.approx(0.030)
    assert curve.seconds(12, None) == pytest.approx(2 * 0.030 + 0.015)
    assert curve.seconds(7, 3) == pytest.approx(2 * 0.020 + 0.010)
    assert (curve.longest(12, None), curve.longest(2, None)) == pytest.approx((0.030, 0.015))
    assert (curve.bytes(12, None), curve.bytes(12, 3), curve.bytes(2, 3)) == (500, 300, 200)
    assert Curve(1, 0.25, 0.0, None).seconds(3, None) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("budget", "method", "over"),
    [
        (10_000, "score-cam", []),
        (300, "anytime-score-cam", USUAL[:1]),
        (40, "recipro-cam", USUAL[:2]),
    ],
)
def test_the_best_that_fits(
    explainer: Explainer, samples: list[Path], budget: float, method: str, over: list[str]
) -> None:
    found = explainer.explain(samples[0], Policy(USUAL, budget_ms=budget))
    assert found.figures()["method"] == method
    assert found.choice is not None
    assert [one.method for one in found.choice.passed_over] == over
    assert found.choice.budget_ms == budget
    assert 0 < found.choice.took_ms < budget
    np.testing.assert_array_equal(found.raw, explainer.explain(samples[0], method).raw)


def test_what_does_not_fit_says_so_before_it_starts(
    explainer: Explainer, samples: list[Path], ran: list[tuple[str, int]]
) -> None:
    explainer.warm_up(["score-cam"])
    ran.clear()
    with pytest.raises(
        BudgetError,
        match=r"^no map within 200 ms: score-cam: 97 passes take up to 7\d\d ms, (19\d|200) are "
        r"left\. Give more, name a cheaper method, such as recipro-cam",
    ):
        explainer.explain(samples[0], "score-cam", budget_ms=200)
    assert ran == []


def test_memory_makes_fewer_at_once_or_none(
    explainer: Explainer, samples: list[Path], ran: list[tuple[str, int]]
) -> None:
    """2 MiB for each of eight copies; four of them fit into 10."""
    plain = explainer.explain(samples[0], "score-cam")
    explainer.warm_up(["score-cam"])
    ran.clear()
    found = explainer.explain(samples[0], "score-cam", memory_mb=10)
    assert max(rows for graph, rows in ran if graph == "mask_images") == 4
    np.testing.assert_allclose(found.raw, plain.raw, rtol=1e-5, atol=1e-6)
    assert found.choice is not None
    assert (found.choice.chunk, found.choice.memory_mb) == (4, 10)
    with pytest.raises(
        BudgetError, match=r"within 1\.5 MiB: score-cam: a single copy takes 2\.0 of"
    ):
        explainer.explain(samples[0], ScoreCAM(), memory_mb=1.5)
    policy = Policy(["score-cam", "recipro-cam"], memory_mb=1.5)
    assert explainer.explain(samples[0], policy).figures()["method"] == "recipro-cam"


def test_memory_that_nobody_can_tell(
    explainer: Explainer, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = Curve(8, 0.010, 0.045, None)
    monkeypatch.setitem(BY_HAND, "logits_of_masked_images", unknown)
    with pytest.raises(BudgetError, match="its memory is not known: it is measured on the CPU of"):
        explainer.explain(samples[0], "score-cam", memory_mb=1000)
    assert explainer.warm_up(["score-cam"])["score-cam"].megabytes is None


def test_a_method_is_left_before_it_is_late_and_a_cheaper_one_explains(
    explainer: Explainer,
    samples: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Said to take 550 ms, Score-CAM takes 12 x 400."""
    explainer.warm_up(["score-cam", "recipro-cam"])
    _slowly(monkeypatch, 0.4)
    with caplog.at_level(logging.WARNING, logger="camruntime"):
        found = explainer.explain(samples[0], Policy(["score-cam", "recipro-cam"], budget_ms=1500))
    assert found.figures()["method"] == "recipro-cam"
    assert found.choice is not None
    assert found.choice.took_ms < 1500
    ((method, why),) = [(one.method, one.why) for one in found.choice.passed_over]
    assert method == "score-cam"
    assert why.startswith("left after ")
    assert caplog.messages == [f"score-cam {why}"]
    np.testing.assert_allclose(
        found.raw, explainer.explain(samples[0], "recipro-cam").raw, rtol=1e-4, atol=1e-6
    )


def test_the_last_method_is_given_up_when_it_would_be_late(
    explainer: Explainer, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer.warm_up(["score-cam"])
    _slowly(monkeypatch, 0.4)
    begin = time.perf_counter()
    with pytest.raises(BudgetError, match=r"within 900 ms: score-cam: left after \d+ ms, as the"):
        explainer.explain(samples[0], "score-cam", budget_ms=900)
    assert time.perf_counter() - begin < 2


def test_a_slow_machine_is_remembered_and_forgotten(
    explainer: Explainer, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left after two seconds or more, however long a chunk takes: twice what it should."""
    policy = Policy(["score-cam", "recipro-cam"], budget_ms=3000)
    explainer.warm_up(["score-cam", "recipro-cam"])
    with monkeypatch.context() as slow:
        _slowly(slow, 0.4)
        explainer.explain(samples[0], policy)
    pace = explainer._used.costs.pace
    assert pace.now > 1.3
    for _ in range(20):
        last = explainer.explain(samples[0], policy)
    assert pace.now < 1.1
    assert last.figures()["method"] == "score-cam"


def test_the_callers_cancel_is_no_budget(explainer: Explainer, samples: list[Path]) -> None:
    stop = threading.Event()

    def told(done: int, _: int) -> None:
        if done >= 16:
            stop.set()

    policy = Policy(["score-cam", "recipro-cam"], budget_ms=60_000)
    with pytest.raises(Cancelled):
        explainer.explain(samples[0], policy, cancel=stop, progress=told)
    with pytest.raises(Cancelled):
        explainer.explain(samples[0], policy, cancel=stop)


def test_lists_targets_and_errors(
    explainer: Explainer, samples: list[Path], tmp_path: Path
) -> None:
    policy = Policy(["recipro-cam"], budget_ms=5000)
    several = explainer.explain(samples[:3], policy, target=["crack", "hole", "not good"])
    assert [one.target.label for one in several] == ["crack", "hole", "not good"]
    assert all(one.choice is not None for one in several)
    both: Any = explainer.explain(samples[0], policy, target=["crack", "hole"])
    assert [one.target.label for one in both] == ["crack", "hole"]
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG")
    found = list(explainer.explain_each([samples[0], broken], policy, errors="yield"))
    assert isinstance(found[0], Explanation)
    assert isinstance(found[1], ImageError)
    tight = Policy(["score-cam"], budget_ms=20)
    (late,) = explainer.explain_each(samples[:1], tight, errors="yield")
    assert isinstance(late, BudgetError)
    with pytest.raises(BudgetError):
        list(explainer.explain_each(samples[:1], tight))


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (
            lambda one, image: one.explain(image, budget_ms=0),
            BudgetError,
            "budget_ms is a number above 0",
        ),
        (lambda one, image: one.explain(image, budget_ms=float("nan")), BudgetError, "got nan"),
        (lambda one, image: one.explain(image, budget_ms="fast"), BudgetError, "got 'fast'"),
        (
            lambda one, image: one.explain(image, memory_mb=-1),
            BudgetError,
            "memory_mb is a number above",
        ),
        (lambda one, image: one.explain(image, memory_mb=True), BudgetError, "got True"),
        (lambda *_: Policy([]), MethodError, "at least one method, got an empty list"),
        (lambda *_: Policy("score-cam"), MethodError, "takes a list of methods, the best first"),
        (lambda *_: Policy(["score-cum"]), MethodError, "did you mean score-cam"),
        (lambda *_: Policy(CLASSES), MethodError, r"ScoreCAM\(\)"),
        (
            lambda one, image: one.explain(image, Policy(["cam"]), budget_ms=5),
            BudgetError,
            "its budget itself",
        ),
        (
            lambda one, image: one.explain(image, Policy(["cam"]), preset="paper"),
            BudgetError,
            "options and",
        ),
        (
            lambda one, image: one.explain(image, ScoreCAM(), budget_ms=9, preset="x"),
            MethodError,
            "not an object",
        ),
        (
            lambda one, image: one.explain(image, budget_ms=9000, target="dent"),
            camruntime.CamError,
            "labelled 'dent'",
        ),
        (
            lambda one, image: one.explain(image, budget_ms=float("inf")),
            BudgetError,
            "above 0, at most 1e12, or None, got inf",
        ),
        (lambda one, _: one.warm_up(None), MethodError, "warm_up takes a list of methods, got No"),
        (lambda one, _: one.warm_up("score-cam"), MethodError, "warm_up takes a list"),
        (lambda one, _: one.warm_up(["nothing"]), MethodError, "no method 'nothing'"),
        (lambda one, _: one.warm_up(target="dent"), camruntime.CamError, "labelled 'dent'"),
    ],
    ids=[str(number) for number in range(18)],
)
def test_what_is_asked_for_wrongly(
    explainer: Explainer,
    samples: list[Path],
    ask: Callable[[Explainer, Path], object],
    error: type[Exception],
    said: str,
) -> None:
    with pytest.raises(error, match=said):
        ask(explainer, samples[0])


def test_warm_up_opens_what_explanations_need(
    inspector: Path, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = camruntime.load(inspector, ["cpu"])
    found = explainer.warm_up([*USUAL, "grad-cam"])
    assert all(0 < one.milliseconds < 60_000 for one in found.values())
    assert found["score-cam"].milliseconds > found["anytime-score-cam"].milliseconds

    def never(*_: object) -> object:
        raise AssertionError("a session was opened")

    monkeypatch.setattr("camruntime.engine.sessions.open_session", never)
    for spec in found:
        explainer.explain(samples[0], spec)


def test_one_method_alone_needs_no_cells_by_themselves(inspector: Path) -> None:
    """VGG16's are 494 MB: they are for a pass that was made without them."""
    alone, behind = (camruntime.load(inspector, ["cpu"]) for _ in range(2))
    alone.warm_up(["recipro-cam"])
    assert set(alone._engine._sessions.open()) == {"head", "tail", "head_cells"}
    behind.warm_up(["grad-cam", "recipro-cam"])
    assert "cells" in behind._engine._sessions.open()


def test_a_copy_takes_as_much_memory_one_at_a_time(inspector: Path) -> None:
    """As with eight at once, but for what a process gives back meanwhile; it is not nothing."""
    one, many = (
        camruntime.load(inspector, ["cpu"], chunk=chunk).warm_up(["score-cam"])["score-cam"]
        for chunk in (1, 8)
    )
    assert one.megabytes is not None
    assert many.megabytes is not None
    assert one.megabytes > 0.1
    assert many.megabytes > one.megabytes


def test_a_method_that_nobody_registered_has_its_class_s_name(
    explainer: Explainer, samples: list[Path]
) -> None:
    mine: Any = dataclasses.make_dataclass("Mine", [], bases=(ScoreCAM,), frozen=True)()
    with pytest.raises(BudgetError, match="within 20 ms: Mine: 97 passes"):
        explainer.explain(samples[0], mine, budget_ms=20)


def test_a_reload_measures_what_was_measured(inspector: Path) -> None:
    explainer = camruntime.load(inspector, ["cpu"])
    explainer.reload()
    assert not explainer._used.costs.measured
    explainer.warm_up(["recipro-cam"])
    before = explainer._used.costs
    explainer.reload()
    assert explainer._used.costs is not before
    assert explainer._used.costs.measured.keys() == before.measured.keys()


def test_a_reload_while_costs_are_measured_mixes_no_classes(
    inspector: Path, samples: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newer bundle has the labels the other way round: index 4 is `good` there."""
    place = tmp_path / "bundle"
    shutil.copytree(inspector, place)
    explainer = camruntime.load(place, ["cpu"])

    def reloaded(_: object, kinds: list[str]) -> Mapping[str, Curve]:
        monkeypatch.setattr(costs_module, "measure", lambda _, kinds: {})
        edit_manifest(place, lambda one: one.update(labels=one["labels"][::-1]))
        explainer.reload()
        return {kind: BY_HAND[kind] for kind in kinds}

    monkeypatch.setattr(costs_module, "measure", reloaded)
    before = explainer.labels
    found = explainer.explain(samples[0], "recipro-cam", "hole", budget_ms=9000)
    assert explainer.labels == before[::-1]
    assert (found.target.label, found.target.index) == ("hole", 4)
    assert found.provenance.bundle != explainer.bundle.manifest.digest


def test_a_reload_measures_what_the_new_bundle_can_be_asked(
    inspector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no gradient, and no eighth class, as the one before may have had."""
    place = tmp_path / "bundle"
    shutil.copytree(inspector, place)
    explainer = camruntime.load(place, ["cpu"])
    explainer.warm_up(["recipro-cam", "grad-cam"])
    explainer.warm_up(["recipro-cam"], "not good")
    more = (Versus((0, 1), 7),)
    known = explainer._used.costs._rehearsed
    known.update({(one[0], more, one[2]): two for one, two in known.items()})
    edit_manifest(place, lambda one: one["graphs"].pop("gradient"))
    explainer.reload()
    kept = {(type(one[0]).__name__, one[1]) for one in explainer._used.costs._rehearsed}
    assert kept == {("ReciproCAM", (0,)), ("ReciproCAM", (Versus((1, 2, 3, 4), 0),))}


def test_a_budget_does_not_wait_while_something_else_is_measured(
    explainer: Explainer, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer.warm_up(["recipro-cam"])
    with explainer._used.costs._lock:  # as if another thread measured
        one = threading.Thread(
            target=lambda: told.append(explainer.explain(samples[0], budget_ms=9000)), daemon=True
        )
        told: list[Explanation] = []
        one.start()
        one.join(20)
        assert len(told) == 1


def test_no_targets_have_no_maps(explainer: Explainer, samples: list[Path]) -> None:
    for method in USUAL:
        assert explainer.explain(samples[0], method, [], budget_ms=9000) == []


def test_memory_is_seen_as_it_grows_even_where_some_was_free() -> None:
    """An array that was freed before is given back first; else the next one would be free."""
    np.ones(20 * MIB, np.uint8)
    found = growth_of(lambda: np.ones(20 * MIB, np.uint8))
    assert 16 * MIB <= found < 28 * MIB  # what else the process gives back meanwhile counts


def test_memory_that_is_free_and_kept_is_given_back_before() -> None:
    keep_freed_memory()
    held = np.ones(MIB, np.uint8)  # behind which nothing is given back by itself
    np.ones(6 * MIB, np.uint8)
    assert growth_of(lambda: np.ones(6 * MIB, np.uint8)) >= 4 * MIB
    assert held.all()


def test_pace_goes_up_sooner_than_down() -> None:
    pace = Pace()
    pace.note(95, 195)
    assert pace.now == pytest.approx(1.5)
    pace.note(95, 95)
    assert pace.now == pytest.approx(1.45)
    pace.note(0, 10)
    assert pace.now == pytest.approx(1.45)
    quick = Pace()
    quick.note(1, 2)
    assert quick.now == pytest.approx(1 + 0.5 / 6)


def test_a_stall_is_remembered_and_fades() -> None:
    pace = Pace()
    pace.note(100, 90)
    assert pace.stall == 0
    pace.note(10, 60)  # 50 late, at a pace of less than 1
    assert pace.stall == pytest.approx(50, abs=0.2)
    late = pace.stall
    pace.note(10, 10)
    assert pace.stall == pytest.approx(0.98 * late)


def test_a_stop_is_no_pace_and_what_is_refused_is_tried_again(
    explainer: Explainer, samples: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """12 ms for Recipro-CAM, up to 16; after one that took 1000, and at a pace of 20."""
    explainer.warm_up(["recipro-cam"])
    pace = explainer._used.costs.pace
    pace.note(12, 1000)
    assert pace.now == pytest.approx(1.5)
    explainer.explain(samples[0], budget_ms=60)
    pace._now, refused = 20.0, 0
    while refused < 100:
        try:
            explainer.explain(samples[0], budget_ms=60)
            break
        except BudgetError:
            refused += 1
    assert 15 < refused < 30  # 1 + 19 * 0.9 ** 19 = 3.6, which is 56 ms
    quick = Pace()
    quick._now, quick._stall = 0.5, 100.0
    quick.refused()
    assert (quick.now, quick.stall) == (0.5, 98.0)


def test_what_may_stall_needs_room_as_long_as_something_cheaper_is_behind(
    explainer: Explainer, samples: list[Path]
) -> None:
    """550 ms for Score-CAM, up to 715, and 300 more that it was late lately."""
    policy = Policy(["score-cam", "recipro-cam"], budget_ms=900)
    explainer.warm_up(["score-cam", "recipro-cam"])
    assert explainer.explain(samples[0], policy).figures()["method"] == "score-cam"
    explainer._used.costs.pace._stall = 300.0
    assert explainer.explain(samples[0], policy).figures()["method"] == "recipro-cam"
    explainer._used.costs.pace._stall = 300.0
    found = explainer.explain(samples[0], "score-cam", budget_ms=900)
    assert found.figures()["method"] == "score-cam"


def test_a_deadline_looks_ahead() -> None:
    now = time.perf_counter()
    assert not Deadline(now + 100, chunk=10).is_set()
    assert Deadline(now + 100, chunk=110).is_set()
    assert Deadline(now - 1).is_set()
    stop = threading.Event()
    one = Deadline(float("inf"), cancel=stop)
    assert not one.is_set()
    stop.set()
    assert one.is_set()


def test_a_deadline_learns_how_long_a_chunk_takes() -> None:
    told: list[tuple[int, int]] = []
    one = Deadline(time.perf_counter() + 0.25, progress=lambda *done: told.append(done))
    time.sleep(0.15)
    assert not one.is_set()
    one.told(1, 3)  # the next one would end at 0.3
    assert one.is_set()
    assert told == [(1, 3)]


def test_predict_says_what_explain_says(explainer: Explainer, samples: list[Path]) -> None:
    explained, verdicts = explainer.explain(samples), explainer.predict(samples)
    for one, verdict in zip(explained, verdicts, strict=True):
        assert verdict.predicted == pytest.approx(one.predicted)
        assert [each.label for each in verdict.present] == [one.predicted.label]
        assert verdict.provenance == one.provenance
        assert verdict.probabilities.sum() == pytest.approx(1, abs=1e-6)
        assert verdict.milliseconds.method == 0
        assert verdict.milliseconds.read > 0
    alone = explainer.predict(samples[0])
    assert alone.predicted.label == explained[0].predicted.label
    assert repr(alone) == f"Verdict('{alone.predicted.label}' p={alone.predicted.probability:.3f})"
    assert explainer.predict([]) == []


def test_predict_and_what_goes_wrong(explainer: Explainer, samples: list[Path]) -> None:
    with pytest.raises(ImageError):
        explainer.predict("missing.png")
    with pytest.raises(ImageError):
        explainer.predict([samples[0], "missing.png"])
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        explainer.predict(samples[0], cancel=stop)
