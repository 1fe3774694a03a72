"""Explanations within a budget: what they will cost, known before they start."""

from camruntime.budget.costs import Costs, Estimate
from camruntime.budget.policy import Policy, policy_of
from camruntime.budget.running import within_budget

__all__ = [
    "Costs",
    "Estimate",
    "Policy",
    "policy_of",
    "within_budget",
]
