"""One explanation within a budget: chosen before it starts, and left before it is late."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from camruntime.budget.costs import Costs
from camruntime.budget.deadline import Deadline
from camruntime.budget.policy import Fit, Policy, choose, expected
from camruntime.choice import Choice, PassedOver
from camruntime.engine import OnnxGraphs
from camruntime.errors import BudgetError, Cancelled
from camruntime.explaining import (
    Answer,
    Asked,
    Photograph,
    Prediction,
    answers_of,
    asked_of,
    predict_batch,
)
from camruntime.methods import Method, spec_of

_log = logging.getLogger("camruntime")


@dataclass(frozen=True)
class _Call:
    """What one call was asked for, and when it began."""

    costs: Costs
    policy: Policy
    graphs: OnnxGraphs
    begin: float

    @property
    def since_ms(self) -> float:
        return 1e3 * (perf_counter() - self.begin)

    @property
    def left_ms(self) -> float | None:
        budget = self.policy.budget_ms
        return None if budget is None else budget - self.since_ms


def within_budget(
    costs: Costs,
    policy: Policy,
    read: Callable[[], Photograph],
    methods: Sequence[Method],
    graphs: OnnxGraphs,
) -> Answer:
    """Explain one photograph with the first method that fits.

    Where the machine is slower than was expected, a method is left before it is late, and the first
    of those behind it that still fits explains. A run that has begun is never interrupted.

    Args:
        costs: of the network, prepared for these methods.
        policy: the budget.
        read: gives the photograph; it counts.
        methods: those of the policy, checked.
        graphs: the network, with the caller's `cancel` and `progress`.

    Raises:
        BudgetError: no method fits, or none did when it came to it.
        CamError: as of `Explainer.explain`.
    """
    call = _Call(costs, policy, graphs, perf_counter())
    photograph = read()
    asked = asked_of(photograph.wanted)
    left: list[PassedOver] = []
    prediction: Prediction | None = None
    while True:
        fit = choose(costs, methods, asked, call.left_ms, policy.memory_mb, prediction is not None)
        left += fit.passed_over
        if fit.method is None:
            costs.pace.refused()
            raise _nothing_fits(policy, left)
        started = call.since_ms
        at = _leave_at(call, fit, asked)
        try:
            if prediction is None:
                whole = replace(graphs, cancel=Deadline(at, cancel=graphs.cancel))
                (prediction,) = predict_batch(whole, [photograph], [fit.method])
            chunk = 1e-3 * costs.longest_ms(fit.method, asked, fit.estimate.chunk) * costs.pace.now
            answer = _answer(fit, prediction, Deadline(at, chunk, graphs.cancel, graphs.progress))
        except Cancelled:
            graphs.go_on()  # raises, where it was the caller
            took = call.since_ms - started
            costs.pace.note(fit.estimate.milliseconds, took)
            why = f"left after {took:.0f} ms, as the machine is slower than it was expected"
            left.append(PassedOver(spec_of(fit.method), why))
            _log.warning("%s %s", left[-1].method, why)
            methods = fit.rest
        else:
            costs.pace.note(fit.estimate.milliseconds, call.since_ms - started)
            return _with_choice(answer, call, fit, left, started)


def _answer(fit: Fit, prediction: Prediction, deadline: Deadline) -> Answer:
    """The method's answer, unless the deadline comes before it."""
    assert fit.method is not None
    own = replace(prediction.graphs, chunk=fit.estimate.chunk, cancel=deadline)
    told = replace(prediction, graphs=own)
    (answer,) = answers_of(told, [fit.method], deadline.told)
    return answer


def _leave_at(call: _Call, fit: Fit, asked: Sequence[Asked]) -> float:
    """When the method has to be left: early enough for the cheapest of those behind it.

    Not before the time that it was said to need, as then it would better not have begun.
    """
    costs, budget = call.costs, call.policy.budget_ms
    if budget is None:
        return float("inf")
    pace, memory = costs.pace.now, call.policy.memory_mb
    behind = [costs.estimate(one, asked, memory, after_pass=True) for one in fit.rest]
    kept = min((expected(one, pace) + costs.pace.stall for one in behind), default=0.0)
    needed = call.since_ms + expected(fit.estimate, pace)
    return call.begin + max(budget - kept, min(needed, budget)) / 1e3


def _with_choice(
    answer: Answer, call: _Call, fit: Fit, left: Sequence[PassedOver], started: float
) -> Answer:
    choice = Choice(
        budget_ms=call.policy.budget_ms,
        memory_mb=call.policy.memory_mb,
        estimate_ms=started + fit.estimate.milliseconds * call.costs.pace.now,
        took_ms=call.since_ms,
        chunk=fit.estimate.chunk,
        passed_over=tuple(left),
    )
    if isinstance(answer, list):
        return [replace(one, choice=choice) for one in answer]
    return replace(answer, choice=choice)


def _nothing_fits(policy: Policy, left: Sequence[PassedOver]) -> BudgetError:
    limits = [
        *([] if policy.budget_ms is None else [f"{policy.budget_ms:g} ms"]),
        *([] if policy.memory_mb is None else [f"{policy.memory_mb:g} MiB"]),
    ]
    why = "; ".join(f"{one.method}: {one.why}" for one in left)
    return BudgetError(
        f"no map within {' and '.join(limits)}: {why}. Give more, name a cheaper method, such as "
        "recipro-cam or anytime-score-cam:share=0.05, or ask for `predict` alone"
    )
