"""Which method a budget has room for, said before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from camruntime._checks import is_between
from camruntime._text import shown
from camruntime.budget.costs import Costs, Estimate
from camruntime.choice import PassedOver
from camruntime.errors import BudgetError, MethodError
from camruntime.explaining import Asked
from camruntime.methods import Method, method_of, spec_of

_MARGIN = 1.3
"""What is estimated is the best of several runs; of a hundred, the slowest takes so much more."""


@dataclass(frozen=True)
class Policy:
    """Methods in the order in which they are preferred; the first that fits explains.

    Attributes:
        methods: names, specs or objects, the best first.
        budget_ms: milliseconds from the call to the explanation, reading the picture included; None
            is no limit.
        memory_mb: MiB that perturbed copies may take at once, beside open sessions and a plain
            pass; fewer at once are computed where that fits. None is no limit. On the CPU of Linux.
    """

    methods: Sequence[str | Method]
    budget_ms: float | None = None
    memory_mb: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.methods, str) or not isinstance(self.methods, Sequence):
            raise MethodError(
                f"a policy takes a list of methods, the best first, got {shown(self.methods)}"
            )
        if not self.methods:
            raise MethodError("a policy takes at least one method, got an empty list")
        for name, value in (("budget_ms", self.budget_ms), ("memory_mb", self.memory_mb)):
            if value is not None and (not is_between(value, 0, 1e12) or value == 0):
                raise BudgetError(
                    f"{name} is a number above 0, at most 1e12, or None, got {shown(value)}"
                )
        object.__setattr__(self, "methods", tuple(map(method_of, self.methods)))


def policy_of(
    method: str | Method | Policy,
    options: Mapping[str, object],
    budget_ms: float | None,
    memory_mb: float | None,
) -> Policy | None:
    """What a caller asks for as a policy; None where there is no budget.

    Raises:
        MethodError, BudgetError: no such method, or no such budget.
    """
    if isinstance(method, Policy):
        if options or budget_ms is not None or memory_mb is not None:
            raise BudgetError(
                "a policy has its methods' options and its budget itself: write "
                "Policy(['score-cam:preset=official', 'recipro-cam'], budget_ms=200)"
            )
        return method
    if budget_ms is None and memory_mb is None:
        return None
    return Policy([method_of(method, options)], budget_ms, memory_mb)


@dataclass(frozen=True)
class Fit:
    """A method that fits, or None: what it costs, what was passed over for it, and the others."""

    method: Method | None
    estimate: Estimate
    passed_over: tuple[PassedOver, ...]
    rest: tuple[Method, ...]


def choose(
    costs: Costs,
    methods: Sequence[Method],
    asked: Sequence[Asked],
    left_ms: float | None,
    memory_mb: float | None,
    after_pass: bool = False,
) -> Fit:
    """The first method that fits into what is left, or why none does."""
    over: list[PassedOver] = []
    for at, method in enumerate(methods):
        estimate = costs.estimate(method, asked, memory_mb, after_pass)
        takes = expected(estimate, costs.pace.now)
        if at + 1 < len(methods):  # else something late is better than nothing
            takes += costs.pace.stall
        why = _why_not(estimate, takes, left_ms, memory_mb)
        if why is None:
            return Fit(method, estimate, tuple(over), tuple(methods[at + 1 :]))
        over.append(PassedOver(spec_of(method), why))
    return Fit(None, Estimate(0.0, None, 0), tuple(over), ())


def expected(estimate: Estimate, pace: float) -> float:
    """Milliseconds that it may well take, on a machine as busy as now."""
    return estimate.milliseconds * pace * _MARGIN


def _why_not(
    estimate: Estimate, takes: float, left_ms: float | None, memory_mb: float | None
) -> str | None:
    if memory_mb is not None and estimate.megabytes is None:
        return "its memory is not known: it is measured on the CPU of Linux alone"
    if memory_mb is not None and (estimate.megabytes or 0) > memory_mb:
        return f"a single copy takes {estimate.megabytes:.1f} of {memory_mb:g} MiB"
    if left_ms is not None and takes > left_ms:
        return f"{estimate.passes} passes take up to {takes:.0f} ms, {max(left_ms, 0):.0f} are left"
    return None
