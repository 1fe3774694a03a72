"""Pictures as arrays: what the caller gave, checked against what the network takes.

And copied: a camera fills the same buffer with its next frame while this one is being explained.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from camruntime._checks import is_between
from camruntime._opencv import cv2
from camruntime._text import named, shown
from camruntime.bundle import EIGHT_BITS, Input
from camruntime.errors import ImageError
from camruntime.pictures.reading import MEGAPIXELS, check_size, read_values

Picture = NDArray[np.uint8]
Values: TypeAlias = NDArray[Any]
"""A picture `(H, W, channels)`: integers from 0 to the bundle's full scale, or float32 in [0, 1].

Colours are RGB, whatever the network wants. A network for colours is given three channels, one for
brightness one or three, any other as many as it takes.
"""

_RGB = Input(
    size=(1, 1), colour="RGB", resize="squash", shorter_side=None, mean=(0,) * 3, std=(1,) * 3
)


_LEAST, _MOST = 1e-30, 1e30  # a full scale that float32 can divide by

_CHECKED_AT_ONCE = 10**9
"""Values, above which only those of a picture below the limit of pixels are looked at."""

_MASKED = (
    "expected an array, got a masked one, whose masked values are no pixels: fill them with "
    "array.filled(value)"
)


@dataclass(frozen=True, eq=False)
class Pixels:
    """A picture of which the caller says what white is, where its type does not tell.

    `Pixels(values, 1.0)` is one of floats in [0, 1], `Pixels(values, 255)` an 8-bit one for
    a network that is shown 12 bits.

    Attributes:
        values: `(H, W)`, `(H, W, 1)` or `(H, W, channels)`, integers or floats; colours are RGB.
            A view, like any array that is given: what it holds when it is explained is explained.
        full_scale: the value of white; black is 0.
    """

    values: NDArray[Any]
    full_scale: float

    def __post_init__(self) -> None:
        given: object = self.values
        if not isinstance(given, np.ndarray) or given.dtype.kind not in "uif":
            raise ImageError(f"expected an array of numbers as pixels, got {_kind(self.values)}")
        if isinstance(given, np.ma.MaskedArray):
            raise ImageError(_MASKED)
        if not is_between(self.full_scale, _LEAST, _MOST):
            white = shown(self.full_scale)
            raise ImageError(f"expected a number above 0 as full_scale, got {white}")
        if given.size <= _CHECKED_AT_ONCE:
            self._check_range()

    def _check_range(self) -> None:
        if not self.values.size:
            return
        low, high = self.values.min(), self.values.max()
        if not 0 <= low <= high <= self.full_scale:  # false for NaN, too
            raise ImageError(
                f"expected pixels from 0 to their full_scale of {self.full_scale}, got values "
                f"from {low} to {high}: clip them, or say another full_scale"
            )
        if self.values.dtype.kind == "f" and 0 < high <= 1 and self.full_scale >= EIGHT_BITS:
            raise ImageError(
                f"expected floats up to their full_scale of {self.full_scale}, got none above "
                f"{high}: say 1.0 for values in [0, 1]"
            )

    def for_scale(self, full_scale: int) -> Values:
        """A copy: as they are where they are integers of that scale already, else in [0, 1].

        The latter are float32. Raises `ImageError` where what was in range no longer is.
        """
        self._check_range()
        if self.full_scale == full_scale and self.values.dtype == _integers(full_scale):
            return np.array(self.values, order="C")
        wide = self.values if self.values.dtype.itemsize > 2 else self.values.astype(np.float64)
        return np.asarray(wide / float(self.full_scale), np.float32)


def as_picture(image: object, spec: Input = _RGB, megapixels: float = MEGAPIXELS) -> Values:
    """A photograph as the bundle takes it; without `spec` as 8-bit RGB `(H, W, 3)`.

    Args:
        image: a path, an array `(H, W, 3)` in RGB order, grey `(H, W)` or `(H, W, 1)`, or
            `(H, W, channels)` for a network that takes neither; or `Pixels`.
        spec: what the network takes.
        megapixels: the largest picture that is taken.

    Returns:
        In memory of its own, which nothing else that the caller has can change.

    Raises:
        ImageError: the file cannot be read, or the picture has another shape, type or range.
    """
    if isinstance(image, (str, Path)):
        return _from_file(Path(image), spec, megapixels)
    given = image.values if isinstance(image, Pixels) else image
    if not isinstance(given, np.ndarray):
        raise ImageError(_other_type(given, spec))
    if isinstance(given, np.ma.MaskedArray):
        raise ImageError(_MASKED)
    _check_shape(given, spec, "", megapixels)
    if isinstance(image, Pixels):
        return _arranged(image.for_scale(spec.full_scale), spec)
    own = np.array(given, order="C")
    _check_values(own, spec, "")
    return _arranged(own, spec)


def read_picture(path: Path) -> Picture:
    """Read a picture file as uint8 RGB `(H, W, 3)`, turned upright as its EXIF data says."""
    return np.asarray(as_picture(path), np.uint8)


def drawn(picture: Values, spec: Input) -> Picture:
    """What people are shown of a picture: uint8 RGB `(H, W, 3)`; an 8-bit RGB one as it is."""
    if spec.colour == "channels":
        picture = picture[..., list(spec.shown)]
    if picture.shape[2] == 1:
        picture = np.repeat(picture, 3, axis=2)
    if picture.dtype != np.uint8:
        white = spec.full_scale if picture.dtype == np.uint16 else 1
        picture = np.rint(picture * np.float32(EIGHT_BITS / white))
    return np.ascontiguousarray(picture, np.uint8)


def encode_png(picture: Picture) -> bytes:
    """uint8 RGB `(H, W, 3)` -> the bytes of a PNG file."""
    done, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not done:
        raise ImageError(f"OpenCV could not encode a picture of shape {picture.shape} as PNG")
    return data.tobytes()


def _from_file(path: Path, spec: Input, megapixels: float) -> Values:
    name = f"{named(path)}: "
    values = read_values(path, spec, megapixels)
    _check_shape(values, spec, name, megapixels)
    _check_values(values, spec, name)
    return _arranged(values, spec)


def _check_values(values: Values, spec: Input, name: str) -> None:
    """Raise `ImageError` where a picture has another type, or values above the full scale."""
    expected = _integers(spec.full_scale)
    if values.dtype != expected:
        raise ImageError(name + _other_type(values, spec))
    if spec.full_scale not in (np.iinfo(expected).max, EIGHT_BITS):
        most = int(values.max())
        if most > spec.full_scale:
            raise ImageError(
                f"{name}expected values of 0-{spec.full_scale}, the bundle's full scale, got up to "
                f"{most}: build the bundle again with the --full-scale of these pictures, or say "
                "what white is with camruntime.Pixels(array, full_scale)"
            )


def _check_shape(values: Values, spec: Input, name: str, megapixels: float) -> None:
    """Raise `ImageError` where a picture for this network has other channels, or is too large."""
    grey = values.ndim == 2
    count = 0 if values.ndim not in (2, 3) or not values.size else 1 if grey else values.shape[2]
    if spec.colour == "channels":
        if count != spec.channels:
            raise ImageError(
                f"{name}expected an array (H, W, {spec.channels}), as the network takes "
                f"{spec.channels} channels, got shape {values.shape}"
            )
    elif count not in (1, 3):
        raise ImageError(
            f"{name}expected an RGB array (H, W, 3) or a grey one (H, W), got shape "
            f"{values.shape}; drop an alpha channel with image[..., :3]"
        )
    check_size(name, values.shape[0], values.shape[1], megapixels)


def _arranged(values: Values, spec: Input) -> Values:
    """`(H, W, channels)`, its memory in that order; grey becomes three equal colours."""
    if values.ndim == 2:
        values = values[..., None]
    if spec.colour in ("RGB", "BGR") and values.shape[2] == 1:
        values = np.repeat(values, 3, axis=2)
    return np.ascontiguousarray(values)


def _integers(full_scale: int) -> np.dtype[Any]:
    """What pictures of this full scale are made of, where nobody says otherwise."""
    return np.dtype(np.uint8 if full_scale == EIGHT_BITS else np.uint16)


def _other_type(values: object, spec: Input) -> str:
    """What is wrong with a picture's type, and what to do."""
    most, came = spec.full_scale, _kind(values)
    kind = _integers(most)
    said = f"expected a path or a {kind} array with values 0-{most}, got {came}"
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "uif":
        return said
    if values.dtype == np.uint16:
        return (
            f"{said}: the bundle was built for 8 bits; build it again with --full-scale, the value "
            "of white in these pictures (4095 of a 12-bit camera, 65535 of 16 bits)"
        )
    if values.dtype == np.uint8:
        return (
            f"{said}: the bundle was built with --full-scale {most}; give the pictures as the "
            "camera made them, or camruntime.Pixels(array, 255) if 255 is white in this one"
        )
    return f"{said}: say what white is with camruntime.Pixels(array, full_scale), 1.0 of [0, 1]"


def _kind(values: object) -> str:
    if isinstance(values, np.ndarray):
        return f"{values.dtype} array"
    return type(values).__name__
