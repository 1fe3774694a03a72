"""Numbers as the report prints them."""

from __future__ import annotations

import math

from camruntime.evaluation.estimates import Estimate

MISSING = DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
SMALL = 1e-3  # below it, fixed decimals would be a row of zeros


def estimate_texts(estimate: Estimate, unit: str) -> tuple[str, str]:
    """The mean and its interval, with as many decimals as each other.

    One decimal where `unit` is `%`, else three significant digits of the mean.
    """
    decimals = 1 if unit == "%" else _decimals(estimate)
    low, high = number(estimate.low, decimals), number(estimate.high, decimals)
    return number(estimate.mean, decimals), f"{low} {DASH} {high}"


def number(value: float, decimals: int | None) -> str:
    """`value` with that many decimals, or with an exponent where None; a true minus sign."""
    text = f"{value:.2e}" if decimals is None else f"{value:z.{decimals}f}"
    return text.replace("-", MINUS, 1) if value < 0 else text


def significant(value: float) -> str:
    """`value` with three significant digits."""
    return number(value, decimals_of(value))


def decimals_of(value: float) -> int | None:
    """Decimals that show three significant digits; None where only an exponent can."""
    if value == 0:
        return 2
    if abs(value) < SMALL:
        return None
    rounded = abs(float(f"{value:.2e}"))  # 0.9996 is 1.00, not 1.000
    return max(0, 2 - math.floor(math.log10(rounded)))


def passes_text(passes: float) -> str:
    """Whole where it is, or where it is large: `1`, `2.5`, `4,098`."""
    return f"{passes:,.1f}" if passes < 100 and passes % 1 else f"{passes:,.0f}"


def seconds_text(seconds: float) -> str:
    """Three significant digits; times that no clock tells are `< 0.001`."""
    return f"< {SMALL}" if seconds < SMALL else significant(seconds)


def _decimals(estimate: Estimate) -> int | None:
    # A mean near zero, inside an interval wider than itself, takes the interval's digits.
    vague = abs(estimate.mean) < estimate.high - estimate.low
    largest = max(abs(estimate.low), abs(estimate.high))
    return decimals_of(largest if vague else estimate.mean)
