"""Numbers that callers choose, checked before work begins; NumPy's count as Python's do."""

from __future__ import annotations

import operator
from typing import SupportsIndex

import numpy as np

from camruntime._text import shown
from camruntime.errors import CamError


def whole(name: str, value: object, least: int, most: int, error: type[CamError] = CamError) -> int:
    """`value` as Python's whole number from `least` to `most`.

    Raises:
        CamError: `error`: it is no such number. True and 1.0 are none.
    """
    if isinstance(value, SupportsIndex) and not isinstance(value, (bool, np.bool_)):
        try:
            number = operator.index(value)
        except TypeError:  # an array of several
            number = least - 1
        if least <= number <= most:
            return number
    raise error(
        f"{name} is a whole number of at least {least}, got {shown(value)}: {most} is the most"
    )


def is_between(value: object, least: float, most: float) -> bool:
    """Whether it is a number from `least` to `most`; NaN and True are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        return False
    if isinstance(value, np.floating):
        value = float(value)  # as a float16 the limits would be infinite
    return bool(least <= value <= most)


def within(kind: str, error: type[CamError], *options: tuple[str, object, float, float]) -> None:
    """Raise `error` where an option of `kind`, as name, value and limits, is outside them."""
    for name, value, least, most in options:
        if not is_between(value, -float("inf"), float("inf")):
            raise error(
                f"{kind}: {name} is a number from {least:g} to {most:g}, got {shown(value)}"
            )
        if not is_between(value, least, most):
            above = is_between(value, most, float("inf"))
            limit = f"at most {most:g}" if above else f"at least {least:g}"
            raise error(f"{kind}: {name} is {limit}, got {shown(value)}")
