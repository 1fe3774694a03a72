from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from camruntime.errors import ImageError
from camruntime.pictures import as_picture, encode_png, read_picture


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
