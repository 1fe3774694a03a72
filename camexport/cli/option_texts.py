"""What people type for an option, as the value that it means; typer reports what cannot be."""

from __future__ import annotations

import typer


def pairs(given: list[str] | None) -> tuple[tuple[str, str], ...]:
    """`KEY=VALUE` texts of `--arg`."""
    split = [text.partition("=") for text in given or []]
    if not all(key and equals for key, equals, _ in split):
        raise typer.BadParameter(f"--arg: expected KEY=VALUE, got {given}")
    return tuple((key, value) for key, _, value in split)


def size(text: str | None) -> tuple[int, int] | None:
    """`N` or `HxW` as `(H, W)`."""
    if text is None:
        return None
    sides = text.lower().split("x")
    if not 1 <= len(sides) <= 2 or not all(side.isdigit() for side in sides):
        raise typer.BadParameter(f"expected N or HxW in pixels, got '{text}'")
    return int(sides[0]), int(sides[-1])


def triple(text: str | None, option: str) -> tuple[float, float, float] | None:
    """One number for all channels, or three."""
    if text is None:
        return None
    try:
        numbers = [float(part) for part in text.replace(",", " ").split()]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3):
        raise typer.BadParameter(f"{option}: expected one or three numbers, got '{text}'")
    red, green, blue = numbers * (3 // len(numbers))
    return red, green, blue
