"""What a TIFF file says of its pictures, which OpenCV does not pass on."""

from __future__ import annotations

import struct
from dataclasses import dataclass

_TAGS = {
    254: "kind",
    256: "width",
    257: "height",
    258: "bits",
    262: "photometric",
    338: "extra",
}
_LETTERS = {3: "H", 4: "I", 16: "Q"}
_OUTSIDE = (struct.error, OverflowError)  # at a place behind the end; at one that no file has
_MORE = 1 | 4  # of `kind`: a smaller version of another picture, or a mask for one
_PAGES, _ENTRIES = 64, 4096


@dataclass(frozen=True)
class _Layout:
    """Classic TIFF or BigTIFF, in one byte order: `struct`'s letters and sizes in bytes."""

    order: str
    count: str
    offset: str
    entry: int


def tiff_tags(data: bytes) -> dict[str, tuple[int, ...]]:
    """Of the file's first picture, as OpenCV takes it; empty for other files.

    `width`, `height`, `bits` of each channel, `photometric` (kind of colours, 2 is RGB), and
    `extra`: what the other channels are.
    """
    return _first_and_next(data)[0]


def tiff_pages(data: bytes) -> int:
    """How many pictures there are, without smaller versions and masks; at most 64 are looked at."""
    layout, pages = _layout(data), 0
    try:
        start = _start(data, layout) if layout else 0
        for _ in range(_PAGES):
            if not layout or not start:
                break
            tags, start = _directory(data, layout, start)
            pages += not tags.get("kind", (0,))[0] & _MORE or not pages
    except _OUTSIDE:  # damaged behind what is whole
        pass
    return pages


def _first_and_next(data: bytes) -> tuple[dict[str, tuple[int, ...]], int]:
    layout = _layout(data)
    try:
        return _directory(data, layout, _start(data, layout)) if layout else ({}, 0)
    except _OUTSIDE:  # damaged, which OpenCV tells
        return {}, 0


def _layout(data: bytes) -> _Layout | None:
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    version = {b"*\0": 42, b"\0*": 42, b"+\0": 43, b"\0+": 43}.get(data[2:4])
    if order is None or version is None:
        return None
    return _Layout(order, "H", "I", 12) if version == 42 else _Layout(order, "Q", "Q", 20)


def _start(data: bytes, layout: _Layout) -> int:
    (start,) = struct.unpack_from(
        layout.order + layout.offset, data, 4 if layout.entry == 12 else 8
    )
    return int(start)


def _directory(data: bytes, layout: _Layout, start: int) -> tuple[dict[str, tuple[int, ...]], int]:
    """A picture's tags, and where the next one's are; of a tag that comes twice, the first."""
    order, number = layout.order, layout.offset
    (entries,) = struct.unpack_from(order + layout.count, data, start)
    if entries > _ENTRIES:
        raise struct.error
    first = start + struct.calcsize("=" + layout.count)
    found: dict[str, tuple[int, ...]] = {}
    end = first + layout.entry * entries
    (following,) = struct.unpack_from(order + number, data, end)
    for place in range(first, end, layout.entry):
        tag, kind, count = struct.unpack_from(f"{order}HH{number}", data, place)
        letter = _LETTERS.get(kind)
        if tag in _TAGS and letter is not None and count < 1024:
            values = f"{order}{count}{letter}"
            at = place + layout.entry - struct.calcsize("=" + number)
            if struct.calcsize(values) > struct.calcsize("=" + number):
                (at,) = struct.unpack_from(order + number, data, at)
            found.setdefault(_TAGS[tag], struct.unpack_from(values, data, at))
    return found, int(following)
