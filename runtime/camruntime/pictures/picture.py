"""Photographs in and pictures out, as uint8 RGB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from camruntime.errors import CamError, ImageError
from camruntime.maps import FloatArray

Picture = NDArray[np.uint8]


def as_picture(image: object) -> Picture:
    """A photograph as uint8 RGB `(H, W, 3)` with values in [0, 255].

    Args:
        image: a path, or an array `(H, W, 3)` in RGB order, or grey `(H, W)` or `(H, W, 1)`.

    Raises:
        ImageError: the file cannot be read, or the array has another shape or type.
    """
    if isinstance(image, (str, Path)):
        return read_picture(Path(image))
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        came = f"{image.dtype} array" if isinstance(image, np.ndarray) else type(image).__name__
        raise ImageError(f"expected a path or a uint8 array with values 0-255, got {came}")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[..., 0]
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ImageError(
            f"expected an RGB array (H, W, 3) or a grey one (H, W), got shape {image.shape}; "
            "drop an alpha channel with image[..., :3]"
        )
    return np.ascontiguousarray(image, np.uint8)


def read_picture(path: Path) -> Picture:
    """Read a picture file as uint8 RGB `(H, W, 3)`, turned upright as its EXIF data says."""
    picture = decode(path, cv2.IMREAD_COLOR_RGB, ImageError)
    if picture is None:
        raise ImageError(f"{path} is not a picture that OpenCV can decode (JPEG, PNG, BMP, TIFF …)")
    return np.asarray(picture, np.uint8)


def decode(path: Path, flags: int, error: type[CamError]) -> NDArray[Any] | None:
    """What OpenCV makes of a file's bytes under `flags`; None where it is no picture.

    From memory, as `cv2.imread` does not open every path that Python does on Windows.

    Raises:
        CamError: `error`: the file cannot be read.
    """
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
    except OSError as reason:
        raise error(f"cannot read {path}: {reason.strerror or reason}") from reason
    return cv2.imdecode(data, flags) if data.size else None


def encode_png(picture: Picture) -> bytes:
    """uint8 RGB `(H, W, 3)` -> the bytes of a PNG file."""
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise ImageError(f"OpenCV could not encode a picture of shape {picture.shape} as PNG")
    return data.tobytes()


def gaussian_blur(image: FloatArray, sigma: float) -> FloatArray:
    """Gaussian blur of float32 `(1, 3, H, W)` with `sigma` in pixels.

    As `scipy.ndimage.gaussian_filter`: radius `int(4 sigma + 0.5)`, mirrored at the edge of the
    border pixels.
    """
    side = 2 * int(4 * sigma + 0.5) + 1
    channels = np.ascontiguousarray(image[0].transpose(1, 2, 0))
    blurred = cv2.GaussianBlur(channels, (side, side), sigma, borderType=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(blurred.transpose(2, 0, 1)[None], np.float32)
