"""Files that are no pictures, or too much of one: an `ImageError` in one line, at once."""

from __future__ import annotations

import io
import os
import socket
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camruntime._text import printable
from camruntime.errors import ImageError
from camruntime.pictures import as_picture, read_picture
from camruntime.pictures._header import read_header

RNG = np.random.default_rng(3)
PHOTO = np.asarray(cv2.resize(RNG.integers(0, 255, (9, 11, 3), np.uint8), (50, 40)), np.uint8)
ALL = (".png", ".jpg", ".bmp", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pam", ".jp2", ".ras")
ENDS = tuple(filter(cv2.haveImageWriter, ALL))  # older versions write no GIF


def _encoded(end: str, *options: int) -> bytes:
    photo = PHOTO[..., 0] if end == ".pgm" else PHOTO
    done, data = cv2.imencode(end, photo, options)
    assert done
    return bytes(np.asarray(data))


def _png(width: int, height: int) -> bytes:
    """One that says it has so many pixels, and holds a few."""
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    parts += [(b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _said(path: Path | str) -> str:
    with pytest.raises(ImageError) as caught:
        as_picture(path)
    said = str(caught.value)
    assert printable(said) == said
    assert len(said) < 600
    return said


@pytest.mark.parametrize("end", ENDS)
def test_sizes_are_those_that_opencv_decodes(end: str) -> None:
    data = _encoded(end)
    found = read_header(data)
    assert found is not None
    assert (found.width, found.height, found.several) == (50, 40, False)


def test_sizes_in_other_spellings() -> None:
    big = struct.pack("<2sHHHQQHHQQHHQQQ", b"II", 43, 8, 0, 16, 2, 256, 4, 1, 50, 257, 3, 1, 40, 0)
    for data in (
        _encoded(".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        _encoded(".webp", cv2.IMWRITE_WEBP_QUALITY, 101),
        b"P5 # a comment\n50\n# another\n40\n255\n" + bytes(2000),
        big,
    ):
        found = read_header(data)
        assert found is not None
        assert (found.width, found.height) == (50, 40)


def _several(end: str) -> bytes:
    if end == ".tiff":
        done, data = cv2.imencodemulti(end, [PHOTO, PHOTO[::-1]])
    else:
        pages: Any = cv2.Animation()
        pages.frames, pages.durations = [PHOTO, PHOTO[::-1]], np.array([100, 100], np.int32)
        done, data = cv2.imencodeanimation(end, pages)
    assert done
    return bytes(np.asarray(data))


@pytest.mark.parametrize("end", [".tiff", ".gif", ".png", ".webp"])
def test_of_several_pictures_none_is_taken_in_silence(tmp_path: Path, end: str) -> None:
    if end != ".tiff" and not hasattr(cv2, "imencodeanimation"):
        pytest.skip("this OpenCV writes no animations")
    path = tmp_path / f"pages{end}"
    path.write_bytes(_several(end))
    assert "holds several pictures (pages, or an animation): expected one" in _said(path)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.8, 0.99])
def test_a_file_that_is_cut_off(tmp_path: Path, end: str, share: float) -> None:
    data, path = _encoded(end), tmp_path / f"cut{end}"
    path.write_bytes(data[: int(share * len(data))])
    assert "is not a picture that OpenCV can decode" in _said(path)


def test_a_chunk_that_is_longer_than_its_file(tmp_path: Path) -> None:
    """OpenCV would take two gigabytes for it."""
    path, data = tmp_path / "x.png", _encoded(".png")
    at = data.index(b"IDAT") - 4
    path.write_bytes(data[:at] + b"\x7f\xff\xff\xff" + data[at + 4 :])
    assert read_header(path.read_bytes()) is None
    assert "is not a picture" in _said(path)


def test_more_pixels_than_the_limit_are_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(_png(40_000, 30_000))
    assert "at most 100 megapixels, got 40000 x 30000" in _said(path)
    path.write_bytes(_encoded(".png"))
    with pytest.raises(ImageError, match=r"at most 0\.0019 megapixels, got 50 x 40"):
        as_picture(path, megapixels=0.0019)
    np.testing.assert_array_equal(as_picture(path, megapixels=0.002), read_picture(path))
    endless = np.broadcast_to(np.uint8(0), (10**6, 10**6, 3))
    with pytest.raises(ImageError, match="got 1000000 x 1000000"):
        as_picture(endless)


@pytest.mark.parametrize("length", [0x4D00001A, 0x8001_2C49, 0xFFFF_FFFF])
def test_parts_of_a_png_beyond_its_end(tmp_path: Path, length: int) -> None:
    """The decoder takes as much memory, 1.3 GB for a file of a hundred bytes."""
    path, data = tmp_path / "x.png", _encoded(".png")
    place = data.index(b"IDAT") - 4
    data = data[:place] + struct.pack(">I", length) + data[place + 4 :]
    assert read_header(data) is None
    path.write_bytes(data)
    assert "damaged or cut off" in _said(path)


@pytest.mark.parametrize("start", [2**63 - 1, 2**63, 2**64 - 1])
def test_places_in_a_tiff_beyond_any_file(tmp_path: Path, start: int) -> None:
    path = tmp_path / "x.tiff"
    path.write_bytes(struct.pack("<2sHHHQ", b"II", 43, 8, 0, start) + bytes(64))
    _said(path)


@pytest.mark.parametrize("end", [b"", b"\0", b"9", b"9 x"])
def test_a_head_of_blanks_takes_no_time(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "x.pgm"
    path.write_bytes(b"P5\n9" + b"\r" * 100_000 + end)
    began = time.perf_counter()
    _said(path)
    assert time.perf_counter() - began < 2


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.symlink_to(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**12)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_fifo, "expected a file, got a pipe"),
        (_socket, "expected a file, got a socket"),
        (Path.mkdir, "expected a file, got a directory"),
        (_device, "expected a file, got a device"),
        (_loop, "Too many levels of symbolic links"),
        (Path.touch, "is not a picture"),
        (_sparse, "expected at most 1601048576"),
    ],
)
def test_what_is_no_file(tmp_path: Path, make: Callable[[Path], object], said: str) -> None:
    path = tmp_path / "x.png"
    make(path)
    assert said in _said(path)


@pytest.mark.parametrize("path", ["", "a\0b", "x" * 5000, "x/" * 5000, "\n", "\udce4\x1b[31m", "."])
def test_what_is_no_path(path: str) -> None:
    assert "cannot read" in _said(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(_encoded(".png"))
    path.chmod(0)
    assert "Permission denied" in _said(path)


def test_a_file_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(_encoded(".png"))
    plain = os.fstat

    def before(handle: int) -> os.stat_result:
        known = plain(handle)
        with path.open("ab") as file:
            file.write(b"more")
        return known

    monkeypatch.setattr(os, "fstat", before)
    assert "changed while it was read" in _said(path)


def _npy(shape: tuple[int, ...], kind: str = "|u1", rest: bytes = b"") -> bytes:
    stream = io.BytesIO()
    header = {"descr": kind, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    return stream.getvalue() + rest


@pytest.mark.parametrize(
    "data",
    [
        _npy((10**6, 10**6, 3)),
        _npy((2, 2, 3), rest=b"short"),
        _npy((-1, -1, 3), rest=bytes(3)),
        _npy((1,), "|O", b"\x80\x04N."),
        _npy((10**30,)),
        b"\x93NUMPY\x01\x00\xff\xff{",
        b"\x93NUMPY\x09\x00",
        _npy((2, 2, 3), rest=bytes(12)).replace(b"order':", b"order'{"),
        b"PK\x03\x04",
        b"",
    ],
)
def test_arrays_in_files_that_are_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.npy"
    path.write_bytes(data)
    _said(path)


@pytest.mark.parametrize("start", [2**63, 2**64 - 1, 5000, 16])
def test_a_directory_that_lies_outside(tmp_path: Path, start: int) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(struct.pack("<2sHHHQQ", b"II", 43, 8, 0, start, 2**64 - 1) + bytes(100))
    assert "is not a picture" in _said(path)


SEEDS = [_encoded(end) for end in ENDS] + [_npy((2, 2, 3), rest=bytes(12))]


@settings(max_examples=500, deadline=None)
@given(
    seed=st.sampled_from(SEEDS),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 400) | st.none(),
)
def test_damaged_files_are_pictures_or_image_errors(
    tmp_path_factory: pytest.TempPathFactory,
    seed: bytes,
    changes: list[tuple[int, int]],
    length: int | None,
) -> None:
    data = bytearray(seed)
    for place, value in changes:
        data[place % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.npy"
    for one in (path, path.with_suffix(".png")):
        one.write_bytes(data[:length])
        try:
            picture = as_picture(one)
        except ImageError:
            pass
        else:
            assert picture.dtype == np.uint8
            assert picture.shape[0] * picture.shape[1] <= 10**8


@settings(max_examples=200, deadline=None)
@given(
    shape=st.lists(st.sampled_from([0, 1, 2, 3, 4, 7]), max_size=4).map(tuple),
    kind=st.sampled_from(
        ["?", "u1", "u2", ">u2", "i8", "f2", "f4", "f8", "c8", "O", "U3", "M8[s]"]
    ),
    view=st.sampled_from([slice(None), slice(None, None, -1), slice(0, 2)]),
    value=st.sampled_from([0, 1]),
)
def test_arrays_are_pictures_or_image_errors(
    shape: tuple[int, ...], kind: str, view: slice, value: int
) -> None:
    array: Any = np.full(shape, value).astype(kind)
    array = array[view] if shape else array
    array.flags.writeable = False
    try:
        picture = as_picture(array)
    except ImageError:
        usable = (
            kind == "u1" and array.size and (len(shape) == 2 or array.shape[2:] in ((1,), (3,)))
        )
        assert not usable
    else:
        assert picture.shape == (*array.shape[:2], 3)
        assert (picture == value).all()
        assert not np.shares_memory(picture, array)
