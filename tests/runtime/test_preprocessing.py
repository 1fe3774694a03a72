"""Photographs in, saliency maps back: by hand, and there and back again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from camruntime.bundle import Input, ResizeMode
from camruntime.pictures import Picture, fit, prepare


def _spec(resize: ResizeMode, size: tuple[int, int], shorter: int | None = None) -> Input:
    return Input(
        size=size,
        colour="RGB",
        resize=resize,
        shorter_side=shorter,
        mean=(0.5, 0.25, 0.0),
        std=(0.5, 0.25, 1.0),
    )


def _spot(height: int, width: int, y: int, x: int, radius: int) -> Picture:
    photo = np.zeros((height, width, 3), np.uint8)
    return np.asarray(cv2.circle(photo, (x, y), radius, (255, 255, 255), -1), np.uint8)


def test_normalisation_by_hand() -> None:
    photo = np.full((2, 2, 3), (255, 0, 51), np.uint8)
    prepared = prepare(photo, _spec("squash", (2, 2)))
    assert prepared.shape == (1, 3, 2, 2)
    np.testing.assert_allclose(prepared[0, :, 0, 0], [1, -1, 0.2], rtol=1e-6)


def test_centre_crop_by_hand() -> None:
    # 6 x 10 at shorter side 6 stays as it is; the crop 4 x 4 starts at row 1, column 3.
    photo = np.arange(60, dtype=np.uint8).reshape(6, 10, 1).repeat(3, 2)
    prepared = prepare(photo, _spec("centre-crop", (4, 4), 6))
    np.testing.assert_allclose(prepared[0, 2] * 255, photo[1:5, 3:7, 0], atol=1e-4)


def test_letterbox_pads_with_the_mean_colour() -> None:
    photo = np.full((4, 8, 3), 255, np.uint8)
    prepared = prepare(photo, _spec("letterbox", (8, 8)))
    assert np.abs(prepared[0, :, :2]).max() < 1e-6
    assert np.abs(prepared[0, :, 6:]).max() < 1e-6
    np.testing.assert_allclose(prepared[0, 0, 2:6], 1, rtol=1e-6)


@pytest.mark.parametrize("portrait", [False, True])
@pytest.mark.parametrize(
    ("resize", "shorter"), [("squash", None), ("centre-crop", 72), ("letterbox", None)]
)
def test_a_spot_comes_back_to_where_it_was(
    resize: ResizeMode, shorter: int | None, portrait: bool
) -> None:
    """The saliency of a spot, seen by a network that sees brightness, lies on the spot."""
    height, width, y, x = (300, 200, 190, 80) if portrait else (200, 300, 80, 190)
    photo = _spot(height, width, y, x, 12)
    spec = _spec(resize, (64, 64), shorter)
    seen = prepare(photo, spec)[0, 2]
    back = fit((height, width), spec).to_photo(seen)
    rows, columns = np.mgrid[:height, :width]
    assert back.shape == (height, width)
    assert abs(float((rows * back).sum() / back.sum()) - y) < 0.6
    assert abs(float((columns * back).sum() / back.sum()) - x) < 0.6
    assert (back > 0.5).sum() == pytest.approx((photo[..., 0] > 0).sum(), rel=0.12)


def test_what_a_crop_hid_is_zero() -> None:
    place = fit((100, 200), _spec("centre-crop", (80, 80), 100))
    back = place.to_photo(np.ones((80, 80), np.float32))
    assert back[10:90, 60:140].min() == pytest.approx(1)
    assert back.sum() == pytest.approx(80 * 80)


def test_enlarging_and_tiny_photographs() -> None:
    assert prepare(np.zeros((1, 1, 3), np.uint8), _spec("letterbox", (8, 8))).shape == (1, 3, 8, 8)
    back = fit((1, 3), _spec("squash", (8, 8))).to_photo(np.ones((8, 8), np.float32))
    assert back.shape == (1, 3)
    assert back.min() == pytest.approx(1)


@pytest.mark.parametrize("resize", ["squash", "letterbox", "centre-crop"])
@pytest.mark.parametrize("photo", [(1, 1), (7, 50), (64, 64), (127, 129), (256, 200)])
def test_a_peak_comes_back_as_high_as_it_was(resize: ResizeMode, photo: tuple[int, int]) -> None:
    """Of one pixel, which lies between the centres of the photograph's; padding is none of it."""
    place = fit(photo, _spec(resize, (64, 48), 70 if resize == "centre-crop" else None))
    centres = [
        (np.arange(size) + 0.5 - offset) / resized
        for size, offset, resized in zip(place.size, place.offset, place.resized, strict=True)
    ]
    for y, x in np.random.default_rng(1).integers(0, (64, 48), (40, 2)):
        saliency = np.full((64, 48), 0.5, np.float32)
        saliency[y, x] = 2
        back = place.with_peak(saliency)
        if 0 <= centres[0][y] < 1 and 0 <= centres[1][x] < 1:
            at = int(centres[0][y] * photo[0]), int(centres[1][x] * photo[1])
            assert back[at] == back.max() == 2
        elsewhere = back != place.to_photo(saliency)
        assert elsewhere.sum() <= 1
