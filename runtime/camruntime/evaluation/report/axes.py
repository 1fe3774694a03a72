"""Scales, ticks and axes of the report's charts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape


@dataclass(frozen=True)
class Scale:
    """Maps values in [low, high] to pixels from `start` to `end`.

    Attributes:
        log: whether equal ratios, not equal differences, are equally long.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Pixels of `value`."""
        low, high = self.low, self.high
        if self.log:
            value, low, high = math.log10(value), math.log10(low), math.log10(high)
        return self.start + (value - low) / (high - low) * (self.end - self.start)


@dataclass(frozen=True)
class Frame:
    """The rectangle in a drawing that holds the data, in pixels."""

    left: float
    top: float
    right: float
    bottom: float


def nice_ticks(low: float, high: float, about: int = 5) -> tuple[float, ...]:
    """Multiples of 1, 2 or 5 times a power of ten that cover [low, high], `about` so many steps."""
    if high <= low:
        low, high = low - 0.5, low + 0.5
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    # Rounded, so that 3 * 0.1 is 0.3.
    return tuple(round(n * step, 12) for n in range(first, last + 1))


def log_ticks(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten in [low, high]; with 2 and 5 times them where those are fewer than four."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    decades = [10.0**power for power in powers if low <= 10.0**power <= high]
    if len(decades) >= 4:
        return tuple(decades)
    finer = (n * 10.0**power for power in powers for n in (1, 2, 5))
    return tuple(tick for tick in finer if low <= tick <= high)


def tick_text(value: float) -> str:
    """`0.2`, `1`, `10,000`."""
    return f"{value:,.6g}" if abs(value) < 1e6 else f"{value:.0e}"


def y_axis(frame: Frame, ticks: Sequence[float], scale: Scale, name: str) -> str:
    """Rules across the frame with their values to the left, and `name` (plain text) above."""
    parts = [f'<text class="name" x="{frame.left:g}" y="{frame.top - 12:g}">{escape(name)}</text>']
    for tick in ticks:
        y = scale(tick)
        kind = "axis" if tick == scale.low else "rule"
        parts.append(
            f'<path class="{kind}" d="M{frame.left:g} {y:.1f}H{frame.right:g}"/>'
            f'<text class="tick" x="{frame.left - 8:g}" y="{y + 4:.1f}" text-anchor="end">'
            f"{tick_text(tick)}</text>"
        )
    return "".join(parts)


def x_axis(frame: Frame, ticks: Sequence[float], place: Callable[[float], float], name: str) -> str:
    """Ticks with their values beneath the frame, and `name` (plain text) under them."""
    parts = []
    for tick in ticks:
        x = place(tick)
        parts.append(
            f'<path class="axis" d="M{x:.1f} {frame.bottom:g}v4"/>'
            f'<text class="tick" x="{x:.1f}" y="{frame.bottom + 18:g}" text-anchor="middle">'
            f"{tick_text(tick)}</text>"
        )
    middle = (frame.left + frame.right) / 2
    parts.append(
        f'<text class="name" x="{middle:g}" y="{frame.bottom + 38:g}" text-anchor="middle">'
        f"{escape(name)}</text>"
    )
    return "".join(parts)
