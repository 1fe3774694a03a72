"""Grey, many-channelled and 16-bit pictures: prepared, drawn, or refused."""

from __future__ import annotations

import dataclasses
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import camruntime
from camruntime import Pixels
from camruntime.bundle import Input, open_bundle
from camruntime.errors import BundleError, ImageError
from camruntime.graphs import Normalisation
from camruntime.pictures import as_picture, drawn, gaussian_blur, prepare
from manifests import edit_manifest

RNG = np.random.default_rng(3)
RGB = Input(
    size=(12, 10),
    colour="RGB",
    resize="squash",
    shorter_side=None,
    mean=(0.1, 0.2, 0.3),
    std=(0.5, 0.6, 0.7),
)
BGR = dataclasses.replace(
    RGB, colour="BGR", shown=(2, 1, 0), mean=RGB.mean[::-1], std=RGB.std[::-1]
)
GREY = dataclasses.replace(RGB, colour="grey", shown=(0, 0, 0), mean=(0.4,), std=(0.2,))
FOUR = dataclasses.replace(
    RGB, colour="channels", shown=(3, 0, 1), mean=(0.1, 0.2, 0.3, 0.4), std=(0.5,) * 4
)
TWO = dataclasses.replace(FOUR, shown=(1, 1, 1), mean=(0.1, 0.2), std=(0.5, 0.25))
TWELVE_BITS = dataclasses.replace(RGB, full_scale=4095)


def _bytes(*shape: int) -> NDArray[np.uint8]:
    return RNG.integers(0, 256, shape, np.uint8)


def _twelve_bits(*shape: int) -> NDArray[np.uint16]:
    return RNG.integers(0, 4096, shape, np.uint16)


def test_colours_become_grey_as_opencv_makes_them() -> None:
    photo = _bytes(12, 10, 3)
    grey = cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY)
    expected = (grey / np.float32(255) - np.float32(0.4)) / np.float32(0.2)
    for given in (photo, grey, grey[..., None]):
        found = prepare(as_picture(given, GREY), GREY)
        np.testing.assert_allclose(found, expected[None, None], rtol=1e-6)
    np.testing.assert_array_equal(drawn(as_picture(photo, GREY), GREY), photo)
    np.testing.assert_array_equal(drawn(as_picture(grey, GREY), GREY)[..., 2], grey)


def test_bgr_is_rgb_with_channels_reversed() -> None:
    photo = _bytes(31, 17, 3)
    found, rgb = prepare(as_picture(photo, BGR), BGR), prepare(as_picture(photo), RGB)
    np.testing.assert_array_equal(found[:, ::-1], rgb)
    np.testing.assert_array_equal(drawn(as_picture(photo, BGR), BGR), photo)
    assert BGR.drawn_mean() == RGB.mean
    as_seen = Normalisation(BGR.mean, BGR.std, BGR.shown).drawn(found)
    np.testing.assert_array_equal(as_seen, Normalisation(RGB.mean, RGB.std).pixels(rgb))


@pytest.mark.parametrize("channels", [2, 4, 7, 200])
@pytest.mark.parametrize("size", [(12, 10), (40, 33), (5, 6)])
def test_channels_are_taken_as_they_come(channels: int, size: tuple[int, int]) -> None:
    spec = dataclasses.replace(FOUR, shown=(1, 0, 1), mean=(0.25,) * channels, std=(2,) * channels)
    photo = _bytes(*size, channels)
    found = prepare(as_picture(photo, spec), spec)
    assert found.shape == (1, channels, 12, 10)
    for channel in range(channels):
        alone = dataclasses.replace(GREY, mean=(0.25,), std=(2,))
        expected = prepare(as_picture(photo[..., channel], alone), alone)
        np.testing.assert_allclose(found[0, channel], expected[0, 0], atol=0.6 / 255)
    np.testing.assert_array_equal(drawn(photo, spec), photo[..., [1, 0, 1]])


@pytest.mark.parametrize("resized", [False, True])
def test_sixteen_bits_by_their_full_scale(resized: bool) -> None:
    photo = _twelve_bits(*((24, 20) if resized else (12, 10)), 3)
    found = prepare(as_picture(photo, TWELVE_BITS), TWELVE_BITS)
    exact = photo.astype(np.float64)
    if resized:
        exact = np.rint(exact.reshape(12, 2, 10, 2, 3).mean((1, 3)))
    expected = (exact / 4095 - RGB.mean) / RGB.std
    np.testing.assert_allclose(found[0].transpose(1, 2, 0), expected, atol=5e-4)
    view = drawn(as_picture(photo, TWELVE_BITS), TWELVE_BITS)
    assert view.dtype == np.uint8
    assert np.abs(view - photo / 4095 * 255).max() <= 0.501


def test_pixels_of_which_the_caller_says_what_white_is() -> None:
    photo = _bytes(12, 10, 3)
    plain = prepare(as_picture(photo), RGB)
    np.testing.assert_array_equal(prepare(as_picture(Pixels(photo, 255), RGB), RGB), plain)
    floats = Pixels(photo / np.float32(255), 1.0)
    np.testing.assert_allclose(prepare(as_picture(floats, RGB), RGB), plain, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(drawn(as_picture(floats, RGB), RGB), photo)
    in_twelve = prepare(as_picture(Pixels(photo, 255), TWELVE_BITS), TWELVE_BITS)
    np.testing.assert_allclose(in_twelve, plain, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("values", "full_scale", "said"),
    [
        (np.full((2, 2), 1.5), 1.0, "from 1.5 to 1.5: clip them"),
        (np.full((2, 2), np.nan), 1.0, "from nan to nan"),
        (np.full((2, 2), -1), 255, "from -1 to -1"),
        (np.full((2, 2), 0.9), 255, r"none above 0.9: say 1.0 for values in \[0, 1\]"),
        (np.zeros((2, 2)), 0, "number above 0"),
        (np.zeros((2, 2)), "255", "number above 0 as full_scale, got '255'"),
        (np.zeros((2, 2), bool), 1, "bool array"),
        ([[0.5]], 1.0, "list"),
    ],
)
def test_pixels_that_cannot_be(values: object, full_scale: object, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        Pixels(values, full_scale)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "spec", "said"),
    [
        (_twelve_bits(4, 4), RGB, "got uint16 array: .* build it again with --full-scale"),
        (_bytes(4, 4, 3), TWELVE_BITS, r"--full-scale 4095; .* camruntime\.Pixels\(array, 255\)"),
        (
            np.full((4, 4), 4096, np.uint16),
            TWELVE_BITS,
            r"0-4095, .* up to 4096: .*--full-scale",
        ),
        (np.zeros((4, 4, 3), np.float32), GREY, r"float32 array: say what white is with .*Pixels"),
        (_bytes(4, 4, 3), FOUR, r"expected an array \(H, W, 4\).* got shape \(4, 4, 3\)"),
        (_bytes(4, 5, 9), FOUR, r"got shape \(4, 5, 9\)"),
        (_bytes(4, 4), TWO, r"expected an array \(H, W, 2\)"),
        (_bytes(4, 4, 2), GREY, r"expected an RGB array .* got shape \(4, 4, 2\)"),
        (_bytes(4, 4, 4), BGR, "drop an alpha channel"),
    ],
)
def test_pictures_that_the_network_does_not_take(image: object, spec: Input, said: str) -> None:
    with pytest.raises(ImageError, match=said):
        as_picture(image, spec)


def _file(path: Path, values: NDArray[Any]) -> Path:
    """As OpenCV writes it, with RGB in the array."""
    order = [2, 1, 0, 3][: values.shape[2]] if values.ndim == 3 else None
    done, data = cv2.imencode(path.suffix, values if order is None else values[..., order])
    assert done
    path.write_bytes(data.tobytes())
    return path


def test_files_keep_their_bits(tmp_path: Path) -> None:
    photo = _twelve_bits(6, 5, 3)
    for name in ("a.png", "a.tiff"):
        path = _file(tmp_path / name, photo)
        np.testing.assert_array_equal(as_picture(path, TWELVE_BITS), photo)
        with pytest.raises(ImageError, match=rf"{name}: .*uint16 array: .*--full-scale"):
            as_picture(path)
    grey = _file(tmp_path / "grey.png", photo[..., 0])
    np.testing.assert_array_equal(as_picture(grey, TWELVE_BITS)[..., 1], photo[..., 0])
    alpha = _file(tmp_path / "alpha.png", np.dstack([photo, photo[..., 0]]))
    np.testing.assert_array_equal(as_picture(alpha, TWELVE_BITS), photo)
    floats = _file(tmp_path / "f.tiff", photo.astype(np.float32))
    with pytest.raises(ImageError, match=r"float32 array: say what white is"):
        as_picture(floats, TWELVE_BITS)
    eight = _file(tmp_path / "eight.png", _bytes(6, 5, 3))
    with pytest.raises(ImageError, match="got uint8 array: the bundle was built with --full-scale"):
        as_picture(eight, TWELVE_BITS)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_files_of_four_channels(tmp_path: Path, kind: type[np.generic]) -> None:
    photo = RNG.integers(0, np.iinfo(kind).max, (6, 5, 4)).astype(kind)  # type: ignore[type-var]
    spec = dataclasses.replace(FOUR, full_scale=int(np.iinfo(kind).max))  # type: ignore[type-var]
    for name in ("a.png", "a.tiff"):
        np.testing.assert_array_equal(as_picture(_file(tmp_path / name, photo), spec), photo)
    with pytest.raises(ImageError, match=r"three\.png has 3 channel\(s\), the network takes 4"):
        as_picture(_file(tmp_path / "three.png", photo[..., :3]), spec)
    with pytest.raises(ImageError, match=r"a\.png: OpenCV reads no pictures of 2 channels"):
        as_picture(tmp_path / "a.png", TWO)


def test_arrays_in_files(tmp_path: Path) -> None:
    photo = _bytes(6, 5, 2)
    np.save(tmp_path / "two.npy", photo)
    np.testing.assert_array_equal(as_picture(tmp_path / "two.npy", TWO), photo)
    with pytest.raises(ImageError, match=r"two\.npy: expected an RGB array"):
        as_picture(tmp_path / "two.npy")
    np.save(tmp_path / "object.npy", np.array([{}], object))
    (tmp_path / "broken.npy").write_bytes(b"no array")
    for name in ("object.npy", "broken.npy", "missing.npy"):
        with pytest.raises(ImageError, match=f"cannot read .*{name}"):
            as_picture(tmp_path / name, TWO)


_TURNED = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
"""EXIF data with orientation 6: to be turned clockwise."""


def _with_exif(path: Path) -> Path:
    """The same JPEG or PNG with EXIF data."""
    data = path.read_bytes()
    if path.suffix == ".jpg":
        place, body = 2, b"Exif\0\0" + _TURNED
        part = struct.pack(">BBH", 0xFF, 0xE1, len(body) + 2) + body
    else:
        place, body = 33, b"eXIf" + _TURNED  # behind the signature and the header
        part = struct.pack(">I", len(_TURNED)) + body + struct.pack(">I", zlib.crc32(body))
    turned = path.with_stem("turned")
    turned.write_bytes(data[:place] + part + data[place:])
    return turned


@pytest.mark.parametrize(
    ("name", "spec"), [("a.jpg", RGB), ("a.jpg", GREY), ("a.png", RGB), ("a.png", TWELVE_BITS)]
)
def test_files_are_turned_upright(tmp_path: Path, name: str, spec: Input) -> None:
    photo = _bytes(6, 9, 3) if spec.full_scale == 255 else _twelve_bits(6, 9, 3)
    path = _file(tmp_path / name, photo)
    plain, turned = as_picture(path, spec), as_picture(_with_exif(path), spec)
    np.testing.assert_array_equal(turned, np.rot90(plain, -1))


def test_four_channels_are_not_turned_without_a_word(tmp_path: Path) -> None:
    path = _with_exif(_file(tmp_path / "a.png", _bytes(6, 6, 4)))
    with pytest.raises(ImageError, match=r"turned\.png: OpenCV changes what is in it"):
        as_picture(path, FOUR)


def _tiff(path: Path, values: NDArray[np.generic], photometric: int, extra: list[int]) -> Path:
    """A TIFF file as no OpenCV writes it: `extra` says what the channels beside colours are."""
    height, width, channels = values.shape
    tags: list[tuple[int, int, list[int]]] = [
        (256, 4, [width]),
        (257, 4, [height]),
        (258, 3, [8 * values.dtype.itemsize] * channels),
        (259, 3, [1]),
        (262, 3, [photometric]),
        (273, 4, [4096]),
        (277, 3, [channels]),
        (278, 4, [height]),
        (279, 4, [values.nbytes]),
        (338, 3, extra),
    ]
    rows, beside = b"", b""
    for tag, kind, numbers in tags:
        raw = struct.pack(f"<{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        if len(raw) > 4:
            raw, beside = struct.pack("<I", 512 + len(beside)), beside + raw
        rows += struct.pack("<HHI", tag, kind, len(numbers)) + raw.ljust(4, b"\0")
    start = b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + b"\0" * 4
    path.write_bytes((start.ljust(512, b"\0") + beside).ljust(4096, b"\0") + values.tobytes())
    return path


def test_tiff_files_that_opencv_would_change(tmp_path: Path) -> None:
    four, two = _bytes(6, 5, 4), _twelve_bits(6, 5, 2)
    kept = _tiff(tmp_path / "kept.tif", four, 2, [0])
    np.testing.assert_array_equal(as_picture(kept, FOUR), four)
    for name, photometric, extra in (("alpha", 2, [2]), ("grey", 1, [0, 0, 0])):
        path = _tiff(tmp_path / f"{name}.tif", four, photometric, extra)
        with pytest.raises(ImageError, match=rf"{name}\.tif"):
            as_picture(path, FOUR)
    path = _tiff(tmp_path / "two.tif", two, 1, [2])
    for spec in (RGB, GREY):
        with pytest.raises(ImageError, match=r"16 bits in each of 2 channels, which OpenCV"):
            as_picture(path, spec)
    five = _tiff(tmp_path / "five.tif", _bytes(6, 5, 5), 2, [0, 0])
    with pytest.raises(ImageError, match=r"five\.tif has 5 channel\(s\), the network takes 4"):
        as_picture(five, FOUR)


def test_a_blur_is_that_of_each_channel() -> None:
    image = RNG.random((1, 6, 9, 11), np.float32)
    together = gaussian_blur(image, 1.5)
    for channel in range(6):
        alone = gaussian_blur(image[:, channel : channel + 1], 1.5)
        np.testing.assert_allclose(together[:, channel : channel + 1], alone, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mean": [0.5]}, "expected as many std as mean"),
        ({"colour": "grey"}, "3 channels shown as .* are not grey"),
        ({"colour": "BGR"}, "are not BGR"),
        ({"colour": "rgb"}, "input.colour: expected"),
        ({"colour": "channels", "shown": [0, 1, 3]}, "shown channels of 0 to 2"),
        ({"full_scale": 1}, "full_scale of 255 to 65535, got 1"),
        ({"std": [1.0, 0.0, 1.0]}, "above 0"),
    ],
)
def test_a_manifest_that_contradicts_itself(
    inspector: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    shutil.copytree(inspector, tmp_path / "b", ignore=shutil.ignore_patterns("samples"))
    edit_manifest(tmp_path / "b", lambda manifest: manifest["input"].update(changes))
    with pytest.raises(BundleError, match=said):
        open_bundle(tmp_path / "b")


def test_eight_bits_and_pixels_give_the_same_maps(inspector: Path, samples: list[Path]) -> None:
    explainer = camruntime.load(inspector, ["cpu"])
    photo = as_picture(samples[0])
    plain, again = explainer.explain([photo, Pixels(photo, 255)], "grad-cam")
    np.testing.assert_array_equal(plain.raw, again.raw)
    with pytest.raises(ImageError, match="uint16 array: the bundle was built for 8 bits"):
        explainer.explain(photo.astype(np.uint16))
