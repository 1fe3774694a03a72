from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from camruntime.bundle import Input
from camruntime.errors import ImageError
from camruntime.pictures import as_picture, encode_png, read_picture

Picture16: TypeAlias = NDArray[np.uint16]


def test_png_round_trip_keeps_rgb_order(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    path = tmp_path / "bild ü.png"
    path.write_bytes(encode_png(picture))
    np.testing.assert_array_equal(read_picture(path), picture)
    np.testing.assert_array_equal(as_picture(str(path)), picture)
    read = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert read is not None
    np.testing.assert_array_equal(read[..., ::-1], picture)


def test_grey_becomes_three_equal_channels() -> None:
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    for given in (grey, grey[..., None]):
        np.testing.assert_array_equal(as_picture(given), np.stack([grey] * 3, -1))


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((4, 4, 4), np.uint8), "alpha"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"\(2, 4, 4, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        (42, "int"),
        ("nowhere.png", "nowhere.png: No such file"),
    ],
)
def test_what_is_not_a_picture_is_named(image: object, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        as_picture(image)


@pytest.mark.parametrize("content", [b"", b"not a picture"])
def test_an_undecodable_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"broken\.jpg is not a picture"):
        read_picture(path)


COLOURS = np.random.default_rng(1).integers(0, 65536, (5, 7, 3), np.uint16)
WIDE = Input(
    size=(1, 1),
    colour="RGB",
    full_scale=65535,
    resize="squash",
    shorter_side=None,
    mean=(0,) * 3,
    std=(1,) * 3,
)


def _tiff(values: Picture16) -> bytes:
    """Uncompressed, little-endian RGB in a single strip, as TIFF 6.0 has it."""
    height, width, _ = values.shape
    size = values.nbytes
    bits = 8 + size
    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, bits), (259, 3, 1, 1)]
    tags += [(262, 3, 1, 2), (273, 4, 1, 8), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, size)]
    folder = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *one) for one in tags)
    head = struct.pack("<2sHI", b"II", 42, bits + 6)
    return (
        head + values.astype("<u2").tobytes() + struct.pack("<3H", 16, 16, 16) + folder + bytes(4)
    )


def _pam(values: Picture16) -> bytes:
    height, width, _ = values.shape
    head = f"P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH 3\nMAXVAL 65535\nTUPLTYPE RGB\nENDHDR\n"
    return head.encode() + values.astype(">u2").tobytes()


def _ppm(values: Picture16) -> bytes:
    height, width, _ = values.shape
    return f"P6 {width} {height} 65535\n".encode() + values.astype(">u2").tobytes()


@pytest.mark.parametrize("written", [_tiff, _pam, _ppm])
def test_sixteen_bit_colours_are_what_the_file_holds(
    written: Callable[[Picture16], bytes], tmp_path: Path
) -> None:
    path = tmp_path / "picture"
    path.write_bytes(written(COLOURS))
    np.testing.assert_array_equal(as_picture(path, WIDE), COLOURS)


def test_colours_of_a_pam_are_what_the_file_holds(tmp_path: Path) -> None:
    path, values = tmp_path / "picture.pam", (COLOURS >> 8).astype(np.uint8)
    head = b"P7\nWIDTH 7\nHEIGHT 5\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n"
    path.write_bytes(head + values.tobytes())
    np.testing.assert_array_equal(read_picture(path), values)
