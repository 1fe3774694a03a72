"""What people type for an option, as the value that it means; typer reports what cannot be."""

from __future__ import annotations

from typing import Literal

import typer

from camruntime.bundle import Colour


def pairs(given: list[str] | None, option: str = "--arg") -> tuple[tuple[str, str], ...]:
    """`KEY=VALUE` texts of an option."""
    split = [text.partition("=") for text in given or []]
    if not all(key and equals for key, equals, _ in split):
        raise typer.BadParameter(f"{option}: expected KEY=VALUE, got {given}")
    return tuple((key, value) for key, _, value in split)


def size(text: str | None) -> tuple[int, int] | None:
    """`N` or `HxW` as `(H, W)`."""
    if text is None:
        return None
    sides = text.lower().split("x")
    if not 1 <= len(sides) <= 2 or not all(side.isdigit() for side in sides):
        raise typer.BadParameter(f"expected N or HxW in pixels, got '{text}'")
    return int(sides[0]), int(sides[-1])


def numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    """One number for all channels, or one for each."""
    if text is None:
        return None
    try:
        found = tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        found = ()
    if not found:
        raise typer.BadParameter(
            f"{option}: expected numbers, one or as many as channels: '{text}'"
        )
    return found


def indices(text: str | None, option: str) -> tuple[int, ...] | None:
    """One channel's number, or three, counted from 0."""
    if text is None:
        return None
    parts = text.replace(",", " ").split()
    if not parts or not all(part.isdigit() for part in parts):
        raise typer.BadParameter(f"{option}: expected numbers of channels from 0, got '{text}'")
    return tuple(map(int, parts))


def colour(text: Literal["rgb", "bgr", "grey"] | None) -> Colour | None:
    """As bundles call it."""
    known: dict[str, Colour] = {"rgb": "RGB", "bgr": "BGR", "grey": "grey"}
    return None if text is None else known[text]
