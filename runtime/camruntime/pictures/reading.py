"""Pictures from files, with the bits that they have."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from camruntime._opencv import cv2
from camruntime._text import named
from camruntime.bundle import Input
from camruntime.errors import CamError, ImageError
from camruntime.pictures._file import read_file
from camruntime.pictures._header import read_header
from camruntime.pictures._tiff import tiff_tags

MEGAPIXELS = 100.0
"""The largest picture, unless somebody says otherwise: 300 MB in 8-bit colours."""

_COLOURS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH
"""Three channels, alpha dropped, upright, in as many bits as the file has."""

_BGR = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH

_PIXEL = 16  # bytes of a file for each pixel at most: 4 channels of 32 bits


def read_values(path: Path, spec: Input, megapixels: float = MEGAPIXELS) -> NDArray[Any]:
    """What a picture's file holds, for the network that `spec` describes; colours are RGB.

    `.npy` holds an array as `explain` takes it, for what OpenCV does not read: two channels,
    or more than four.

    Args:
        path: a file.
        spec: what the network takes.
        megapixels: of a larger picture nothing is decoded.

    Raises:
        ImageError: the file cannot be read or is too large, holds several pictures, or OpenCV would
            change what is in it.
    """
    data = _bytes(path, ImageError, megapixels)
    if path.suffix.lower() == ".npy":
        return _array(path, data)
    _check_header(path, data, megapixels, ImageError)
    tags = tiff_tags(data)
    if spec.colour == "channels":
        return _channels(path, data, tags, spec.channels)
    values = _colours(data, path, tags)
    if max(tags.get("bits", (0,)), default=0) > 8 * values.dtype.itemsize:
        raise ImageError(
            f"{named(path)} has {max(tags['bits'])} bits in each of {len(tags['bits'])} channels, "
            "which OpenCV reduces to 8: store it without its alpha channel, or give an array"
        )
    return values


def decode(path: Path, flags: int, error: type[CamError]) -> NDArray[Any] | None:
    """What OpenCV makes of a file's bytes under `flags`; None where it is no picture.

    From memory, as `cv2.imread` does not open every path that Python does on Windows.

    Raises:
        CamError: `error`: the file cannot be read, or is larger than `MEGAPIXELS`.
    """
    data = _bytes(path, error, MEGAPIXELS)
    if read_header(data) is None:
        return None
    _check_header(path, data, MEGAPIXELS, error)
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # such as of sides above its own limit
        return None


def check_size(name: str, height: int, width: int, megapixels: float) -> None:
    """Raise `ImageError` where a picture has more pixels than `megapixels`; `name` ends in `: `."""
    said = _too_large(height, width, megapixels)
    if said is not None:
        raise ImageError(name + said)


def _too_large(height: int, width: int, megapixels: float) -> str | None:
    if height * width <= 1e6 * megapixels:
        return None
    return (
        f"expected a picture of at most {megapixels:g} megapixels, got {width} x {height}: make it "
        "smaller, or raise the limit with load(..., max_megapixels=) or --max-megapixels"
    )


def _bytes(path: Path, error: type[CamError], megapixels: float) -> bytes:
    return read_file(path, error, int(_PIXEL * 1e6 * megapixels) + 2**20)


def _check_header(path: Path, data: bytes, megapixels: float, error: type[CamError]) -> None:
    """Raise `error` where decoding would take too much memory, or leave some pictures out."""
    found = read_header(data)
    if found is None:
        raise error(_no_picture(path))
    said = _too_large(found.height, found.width, megapixels)
    if said is not None:
        raise error(f"{named(path)}: {said}")
    if found.several:
        raise error(
            f"{named(path)} holds several pictures (pages, or an animation): expected one; store "
            "the one that is meant in a file of its own"
        )


def _no_picture(path: Path) -> str:
    return (
        f"{named(path)} is not a picture that OpenCV can decode (JPEG, PNG, BMP, TIFF …), or it is "
        "damaged or cut off"
    )


def _array(path: Path, data: bytes) -> NDArray[Any]:
    """As `numpy.load`, which would take memory for what a header only says, and unpickle."""
    if data[:2] == b"PK":
        raise ImageError(
            f"{named(path)} holds several arrays: expected one, as numpy.save writes it"
        )
    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, by_columns, kind = read(stream)
        count = math.prod(shape)
        if kind.hasobject or count * kind.itemsize != len(data) - stream.tell():
            raise ValueError(f"its header says {shape} of {kind}, which is not what follows")
        values = np.frombuffer(data, kind, count, stream.tell()) if count else np.empty(0, kind)
        return values.reshape(shape, order="F" if by_columns else "C")
    except Exception as reason:  # NumPy's reader of headers raises what Python's tokenizer does
        words = " ".join(str(reason).split())
        raise ImageError(f"cannot read {named(path)} as an array: {words:.200}") from reason


def _decoded(data: bytes, flags: int, path: Path) -> NDArray[Any]:
    try:
        values = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as reason:  # such as of sides above its own limit
        words = " ".join(str(reason.err or reason).split())
        raise ImageError(f"OpenCV cannot decode {named(path)}: {words:.200}") from reason
    if values is None:
        raise ImageError(_no_picture(path))
    return values


def _colours(data: bytes, path: Path, tags: dict[str, tuple[int, ...]]) -> NDArray[Any]:
    """A picture's RGB, `(H, W, 3)`; of a grey one, three times the same.

    Of TIFF files in 16-bit colours, OpenCV 4.13 and 5.0 return as RGB memory that nothing was
    written to; as BGR they are right. Of PAM files it is the other way round.
    """
    if not tags:
        return _decoded(data, _COLOURS, path)
    return np.ascontiguousarray(_decoded(data, _BGR, path)[..., ::-1])


def _channels(
    path: Path, data: bytes, tags: dict[str, tuple[int, ...]], wanted: int
) -> NDArray[Any]:
    """All channels in the file's order, where OpenCV hands them over as they are."""
    advice = "give an array (H, W, channels), or a file of numpy.save's with one"
    name = named(path)
    known = len(tags["bits"]) if "bits" in tags else None
    if known not in (None, wanted):
        raise ImageError(f"{name} has {known} channel(s), the network takes {wanted}")
    if wanted != 4:
        raise ImageError(
            f"{name}: OpenCV reads no pictures of {wanted} channels as they are: {advice}"
        )
    values = _decoded(data, cv2.IMREAD_UNCHANGED, path)
    found = values.shape[2] if values.ndim == 3 else 1
    if found != wanted:
        raise ImageError(f"{name} has {found} channel(s), the network takes {wanted}")
    colours = tags.get("photometric", (2,)) == (2,)
    multiplied = tags.get("extra", (0,)) == (2,) and values.dtype == np.uint8
    upright = _colours(data, path, tags)
    if not colours or multiplied or not np.array_equal(upright, values[..., 2::-1]):
        raise ImageError(
            f"{name}: OpenCV changes what is in it, as it takes a channel for alpha, or turns it "
            f"upright: {advice}"
        )
    return values[..., [2, 1, 0, 3]]
