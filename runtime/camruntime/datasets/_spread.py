"""A few of many, evenly spread."""

from __future__ import annotations


def evenly_spread(count: int, of: int) -> list[int]:
    """Indices below `of`, rising from 0: `count` of them, or all where there are not as many."""
    fewer = min(count, of)
    return [index * of // fewer for index in range(fewer)]
