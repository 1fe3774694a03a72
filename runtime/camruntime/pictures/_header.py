"""What the first bytes of a picture's file say, before OpenCV takes memory for what they ask for.

Of every format that OpenCV reads, and nothing else: a file that is none of them is no picture.
Where a file could say its size twice, the place is read that the decoder goes by.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from camruntime.pictures._tiff import tiff_pages, tiff_tags

_STEPS = 1_000_000  # through a file's parts: more than any picture below the limit has


class Header(NamedTuple):
    """In pixels; and whether there are several pictures: pages, or an animation."""

    width: int
    height: int
    several: bool = False


def read_header(data: bytes) -> Header | None:
    """Of a file's content; None where it is no picture, or is cut off before its size."""
    for marks, read in _FORMATS:
        if re.match(marks, data, re.DOTALL):
            try:
                return read(data)
            except (struct.error, IndexError, ValueError, OverflowError):
                return None
    return None


def _png(data: bytes) -> Header | None:
    """None where a chunk is longer than the file: OpenCV takes memory for as much as it says."""
    width, height = struct.unpack_from(">II", data, 16)
    place, frames = 8, 1
    for _ in range(_STEPS):
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"acTL":
            (frames,) = struct.unpack_from(">I", data, place + 8)
        place += 12 + length
        if place > len(data):
            return None
        if kind == b"IEND":
            return Header(width, height, frames > 1)
    return None


def _jpeg(data: bytes) -> Header | None:
    """The size is in the first segment that starts a frame, 0xC0 to 0xCF but for three of them."""
    place = 2
    for _ in range(_STEPS):
        place = data.index(b"\xff", place)
        marker = data[place + 1]
        if marker == 0xD9:
            return None
        if marker in (0x00, 0x01, 0xFF) or 0xD0 <= marker <= 0xD8:
            place += 1
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, place + 5)
            whole = data.rfind(b"\xff\xd9") > place  # else it is cut off, and decoded grey there
            return Header(width, height) if whole else None
        place += 2 + length
    return None


def _gif(data: bytes) -> Header:
    width, height, packed = struct.unpack_from("<HHB", data, 6)
    try:
        frames = _gif_frames(data, 13 + _palette(packed))
    except IndexError:  # nothing behind the last one that ends it
        frames = 1
    return Header(width, height, frames > 1)


def _gif_frames(data: bytes, place: int) -> int:
    """2 as soon as there are more than one."""
    frames, in_blocks = 0, False
    for _ in range(_STEPS):
        kind = data[place]
        if in_blocks:
            place, in_blocks = place + 1 + kind, kind > 0
        elif kind == 0x2C:  # a frame
            frames, in_blocks = frames + 1, True
            place += 11 + _palette(data[place + 9])
        elif kind == 0x21:  # something beside them
            place, in_blocks = place + 2, True
        else:
            return frames
        if frames > 1:
            break
    return 2


def _palette(packed: int) -> int:
    return 3 * 2 ** ((packed & 7) + 1) if packed & 0x80 else 0


def _bmp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 14)
    width, height = struct.unpack_from("<HH" if size == 12 else "<ii", data, 18)
    return Header(abs(width), abs(height))


def _tiff(data: bytes) -> Header | None:
    tags = tiff_tags(data)
    width, height = tags.get("width"), tags.get("height")
    return Header(width[0], height[0], tiff_pages(data) > 1) if width and height else None


def _webp(data: bytes) -> Header | None:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
        return Header(width, height, bool(data[20] & 2))
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, 26)
        return Header(width & 0x3FFF, height & 0x3FFF)
    return None


def _netpbm(data: bytes) -> Header | None:
    """Two numbers behind the mark, between which there may be comments; of PFM, too."""
    # Blanks one by one, and none given back: in `(\s+)+` they would be shared out in all ways.
    space = rb"(?:\s|#[^\n]*\n)++"
    found = re.match(rb"P[1-6Ff]%b(\d{1,9})%b(\d{1,9})\s" % (space, space), data)
    return Header(int(found[1]), int(found[2])) if found else None


def _pam(data: bytes) -> Header | None:
    head = data[: data.index(b"ENDHDR")]
    sides = [re.findall(rb"^%s\s+(\d{1,9})\s" % side, head, re.M) for side in (b"WIDTH", b"HEIGHT")]
    width, height = (max(map(int, side)) for side in sides)
    return Header(width, height)


def _jpeg_2000(data: bytes) -> Header | None:
    """In the code stream, not in the box before it, as the decoder takes no notice of that."""
    place = 0
    for _ in range(_STEPS):
        if data[place : place + 4] == b"\xff\x4f\xff\x51":
            right, bottom, left, top = struct.unpack_from(">4I", data, place + 8)
            return Header(right - left, bottom - top) if right > left and bottom > top else None
        length, kind = struct.unpack_from(">I4s", data, place)
        if kind == b"jp2c":
            length = 16 if length == 1 else 8
        elif length == 1:
            (length,) = struct.unpack_from(">Q", data, place + 8)
        if length < 8:
            return None
        place += length
    return None


def _avif(data: bytes) -> Header | None:
    """The largest of all sizes in it, as a grid's parts and previews have theirs."""
    (length,) = struct.unpack_from(">I", data, 0)
    sizes = [struct.unpack(">II", one) for one in re.findall(rb"ispe\0{4}(.{8})", data, re.S)]
    width, height = max(sizes, key=lambda one: int(one[0]) * int(one[1]))
    return Header(width, height, b"avis" in data[8:length])


def _radiance(data: bytes) -> Header | None:
    found = re.search(rb"FORMAT=32-bit_rle_rgbe\n\n-Y (\d{1,9}) \+X (\d{1,9})\n", data)
    return Header(int(found[2]), int(found[1])) if found else None


def _sun(data: bytes) -> Header:
    return Header(*struct.unpack_from(">II", data, 4))


_FORMATS: tuple[tuple[bytes, Callable[[bytes], Header | None]], ...] = (
    (rb"\x89PNG\r\n\x1a\n", _png),
    (rb"\xff\xd8\xff", _jpeg),
    (rb"GIF8[79]a", _gif),
    (rb"BM", _bmp),
    (rb"II[*+]\0|MM\0[*+]", _tiff),
    (rb"RIFF.{4}WEBP", _webp),
    (rb"P[1-6Ff][\s#]", _netpbm),
    (rb"P7\s", _pam),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", _jpeg_2000),
    (rb".{4}ftyp", _avif),
    (rb"#\?R(ADIANC|GB)E", _radiance),
    (rb"\x59\xa6\x6a\x95", _sun),
)
