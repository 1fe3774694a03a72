"""Pictures from files, with the bits that they have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from camruntime.bundle import Input
from camruntime.errors import CamError, ImageError
from camruntime.pictures._tiff import tiff_tags

_COLOURS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH
"""Three channels, alpha dropped, upright, in as many bits as the file has."""


def read_values(path: Path, spec: Input) -> NDArray[Any]:
    """What a picture's file holds, for the network that `spec` describes; colours are RGB.

    `.npy` holds an array as `explain` takes it, for what OpenCV does not read: two channels,
    or more than four.

    Raises:
        ImageError: the file cannot be read, or OpenCV would change what is in it.
    """
    if path.suffix.lower() == ".npy":
        return _array(path)
    data = _bytes(path, ImageError)
    tags = tiff_tags(data)
    if spec.colour == "channels":
        return _channels(path, data, tags, spec.channels)
    values = _decoded(data, _COLOURS, path)
    if max(tags.get("bits", (0,)), default=0) > 8 * values.dtype.itemsize:
        raise ImageError(
            f"{path} has {max(tags['bits'])} bits in each of {len(tags['bits'])} channels, which "
            "OpenCV reduces to 8: store it without its alpha channel, or give an array"
        )
    return values


def decode(path: Path, flags: int, error: type[CamError]) -> NDArray[Any] | None:
    """What OpenCV makes of a file's bytes under `flags`; None where it is no picture.

    From memory, as `cv2.imread` does not open every path that Python does on Windows.

    Raises:
        CamError: `error`: the file cannot be read.
    """
    data = _bytes(path, error)
    return cv2.imdecode(data, flags) if data.size else None


def _bytes(path: Path, error: type[CamError]) -> NDArray[np.uint8]:
    try:
        return np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as reason:
        raise error(f"cannot read {path}: {reason.strerror or reason}") from reason


def _array(path: Path) -> NDArray[Any]:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as reason:
        raise ImageError(f"cannot read {path} as an array: {reason}") from reason
    if not isinstance(values, np.ndarray):
        raise ImageError(f"{path} holds several arrays: expected one, as numpy.save writes it")
    return values


def _decoded(data: NDArray[np.uint8], flags: int, path: Path) -> NDArray[Any]:
    try:
        values = cv2.imdecode(data, flags) if data.size else None
    except cv2.error as reason:  # such as of too many pixels
        raise ImageError(f"OpenCV cannot decode {path}: {reason.err or reason}") from reason
    if values is None:
        raise ImageError(f"{path} is not a picture that OpenCV can decode (JPEG, PNG, BMP, TIFF …)")
    return values


def _channels(
    path: Path, data: NDArray[np.uint8], tags: dict[str, tuple[int, ...]], wanted: int
) -> NDArray[Any]:
    """All channels in the file's order, where OpenCV hands them over as they are."""
    advice = "give an array (H, W, channels), or a file of numpy.save's with one"
    known = len(tags["bits"]) if "bits" in tags else None
    if known not in (None, wanted):
        raise ImageError(f"{path} has {known} channel(s), the network takes {wanted}")
    if wanted != 4:
        raise ImageError(
            f"{path}: OpenCV reads no pictures of {wanted} channels as they are: {advice}"
        )
    values = _decoded(data, cv2.IMREAD_UNCHANGED, path)
    found = values.shape[2] if values.ndim == 3 else 1
    if found != wanted:
        raise ImageError(f"{path} has {found} channel(s), the network takes {wanted}")
    colours = tags.get("photometric", (2,)) == (2,)
    multiplied = tags.get("extra", (0,)) == (2,) and values.dtype == np.uint8
    upright = _decoded(data, _COLOURS, path)
    if not colours or multiplied or not np.array_equal(upright, values[..., 2::-1]):
        raise ImageError(
            f"{path}: OpenCV changes what is in it, as it takes a channel for alpha, or turns it "
            f"upright: {advice}"
        )
    return values[..., [2, 1, 0, 3]]
