"""Deviations of a normal value as Student's t has them, where few values gave their scale."""

from __future__ import annotations

import math


def student(deviations: float, freedom: float) -> float:
    """What Student's t exceeds as rarely as a normal value exceeds so many deviations.

    Within 3 percent of it for 6 degrees of freedom and more (Gaver and Kafadar, 1984).
    """
    freedom = max(freedom, 2)  # with fewer scores all are measured, and nothing is guessed
    exponent = deviations**2 * (freedom - 1.5) / (freedom - 1) ** 2
    return math.sqrt(freedom * math.expm1(exponent))
