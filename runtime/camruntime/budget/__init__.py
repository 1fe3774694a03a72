"""Explanations within a budget: what they will cost, known before they start."""

from camruntime.budget.costs import Costs, Estimate, passes_of
from camruntime.budget.policy import Policy, policy_of
from camruntime.budget.running import within_budget

__all__ = [
    "Costs",
    "Estimate",
    "Policy",
    "passes_of",
    "policy_of",
    "within_budget",
]
