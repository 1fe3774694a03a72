"""COCO's run-length codes: lengths of runs of pixels outside and inside in turn, by columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

_FIRST, _MORE, _SIGN, _BITS = 48, 0x20, 0x10, 5
_LONGEST = 8  # characters of one number: more than any picture's pixels need


def encode_rle(
    mask: Mask, size: tuple[int, int] | None = None, at: tuple[int, int] = (0, 0)
) -> dict[str, Any]:
    """The code of a mask: `{"size": [H, W], "counts": compressed text}`, as pycocotools reads it.

    Args:
        mask: bool `(h, w)`.
        size: `(H, W)` of the picture that it is a part of; None where it is the whole.
        at: `(y, x)` of its corner in that picture.
    """
    height, width = mask.shape if size is None else size
    columns, rows = np.nonzero(mask.T)  # by columns, so that places rise
    places = (columns.astype(np.int64) + at[1]) * height + rows + at[0]
    firsts = places[np.diff(places, prepend=-2) > 1]
    lasts = places[np.diff(places, append=height * width + 1) > 1]
    turns = np.stack([firsts, lasts + 1], axis=1).ravel()
    runs = np.diff(np.r_[0, turns, height * width])
    return {"size": [height, width], "counts": _compressed(runs[: len(runs) - (runs[-1] == 0)])}


def decode_rle(code: Any, size: tuple[int, int]) -> Mask:
    """The mask `(H, W)` of a code `{"size": [H, W], "counts": ...}`, a list or a compressed text.

    pycocotools takes every code as it comes, and reads beyond memory where it is wrong.

    Raises:
        ValueError: it is none for a picture of `size`.
    """
    height, width = size
    if code.get("size") != [height, width]:
        raise ValueError(f"its size is {code.get('size')!r:.40}, the picture's [{height}, {width}]")
    counts = code.get("counts")
    runs = list(_decompressed(counts)) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or any(type(one) is not int or one < 0 for one in runs):
        raise ValueError("its counts are not numbers of pixels, 0 or more")
    if sum(runs) != height * width:
        raise ValueError(f"its counts add up to {sum(runs)} pixels of {height * width}")
    inside = np.arange(len(runs)) % 2 == 1
    return np.repeat(inside, runs).reshape(width, height).T


def _compressed(runs: Sequence[int]) -> str:
    """What `_decompressed` reads."""
    characters = []
    for place, run in enumerate(runs):
        left = run - (runs[place - 2] if place > 2 else 0)
        more = True
        while more:
            bits, left = left & (_MORE - 1), left >> _BITS
            more = left != (-1 if bits & _SIGN else 0)
            characters.append(chr(_FIRST + bits + (_MORE if more else 0)))
    return "".join(characters)


def _decompressed(text: str) -> Iterator[int]:
    """Numbers of 5 bits a character, the lowest first; from the fourth on less the last but one."""
    before: list[int] = []
    value = shift = 0
    for one in text:
        bits = ord(one) - _FIRST
        if not 0 <= bits < 2 * _MORE or shift >= _BITS * _LONGEST:
            raise ValueError(f"its counts hold {one!r} where no such character can be")
        value |= (bits & (_MORE - 1)) << shift
        shift += _BITS
        if not bits & _MORE:
            value -= (1 << shift) if bits & _SIGN else 0
            value += before[-2] if len(before) > 2 else 0
            yield value
            before = [*before[-2:], value]
            value = shift = 0
    if shift:
        raise ValueError("its counts are cut off")
