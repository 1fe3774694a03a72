"""How a photograph becomes the network's input, and how a saliency map finds its way back.

Both directions use one axis-aligned map between pixel positions: `input = photo * scale + offset`,
positions measured from the corner of the picture, not from the centre of its first pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from camruntime._opencv import cv2
from camruntime.bundle import EIGHT_BITS, Input
from camruntime.errors import ImageError
from camruntime.maps import FloatArray
from camruntime.pictures.picture import Values

_SIDE = 32_000  # OpenCV's warps end at 32766 pixels
_RESIZED = 10**8
"""Pixels, of a picture before it is cropped to the input."""


@dataclass(frozen=True)
class Fit:
    """Where a photograph lies in the input.

    Attributes:
        photo: `(H, W)` of the photograph.
        size: `(H, W)` of the input.
        resized: `(H, W)` of the photograph after scaling.
        offset: `(y, x)` of the scaled photograph's corner in the input; negative where it is cut.
    """

    photo: tuple[int, int]
    size: tuple[int, int]
    resized: tuple[int, int]
    offset: tuple[int, int]

    def to_photo(self, saliency: FloatArray) -> FloatArray:
        """A map at input size -> float32 at the photograph's size; 0 where a crop hid it."""
        scale = np.divide(self.resized, self.photo)
        shift = np.add(self.offset, 0.5 * scale - 0.5)  # from corners to pixel centres
        matrix = np.array([[scale[1], 0, shift[1]], [0, scale[0], shift[0]]])
        back = _warped(saliency, matrix, self.photo)
        for axis in (0, 1):
            centres = (np.arange(self.photo[axis]) + 0.5) * scale[axis] + self.offset[axis]
            unseen = (centres < 0) | (centres > self.size[axis])
            back[unseen if axis == 0 else (slice(None), unseen)] = 0
        return back

    def with_peak(self, saliency: FloatArray) -> FloatArray:
        """`to_photo`, and no less at the pixel where the photograph's highest value lies.

        Between the centres of a photograph's pixels a narrow peak would be missed.
        """
        back = self.to_photo(saliency)
        rows, columns = (self._seen_at(axis) for axis in (0, 1))
        seen = np.where((rows >= 0)[:, None] & (columns >= 0), saliency, -np.inf)
        y, x = np.unravel_index(seen.argmax(), seen.shape)
        if np.isfinite(seen[y, x]):
            here = rows[y], columns[x]
            back[here] = max(back[here], saliency[y, x])
        return back

    def _seen_at(self, axis: int) -> NDArray[np.int64]:
        """Of each row or column of the input, that of the photograph; -1 outside of it."""
        centres = np.arange(self.size[axis]) + 0.5 - self.offset[axis]
        found = np.floor(centres * self.photo[axis] / self.resized[axis]).astype(np.int64)
        return np.where((found >= 0) & (found < self.photo[axis]), found, -1)


def _warped(saliency: FloatArray, matrix: NDArray[np.float64], size: tuple[int, int]) -> FloatArray:
    """`saliency` where `matrix` says, in parts as large as OpenCV can make."""
    back = np.empty(size, np.float32)
    for top in range(0, size[0], _SIDE):
        for left in range(0, size[1], _SIDE):
            part = back[top : top + _SIDE, left : left + _SIDE]
            here = matrix.copy()
            here[:, 2] += matrix[:, :2] @ (left, top)
            part[...] = cv2.warpAffine(
                saliency,
                here,
                part.shape[::-1],
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            )
    return back


def fit(photo: tuple[int, int], spec: Input) -> Fit:
    """Where a photograph of size `photo` `(H, W)` lies in the input that `spec` describes."""
    if spec.resize == "squash":
        return Fit(photo, spec.size, spec.size, (0, 0))
    if spec.resize == "centre-crop":
        resized = _shorter_side(photo, spec.shorter_side or min(spec.size))
    else:
        ratio = min(spec.size[0] / photo[0], spec.size[1] / photo[1])
        resized = (max(1, round(photo[0] * ratio)), max(1, round(photo[1] * ratio)))
    # Rounded as torchvision's centre crop does; for a letterbox the padding is split evenly.
    spare = (resized[0] - spec.size[0], resized[1] - spec.size[1])
    return Fit(photo, spec.size, resized, (-round(spare[0] / 2), -round(spare[1] / 2)))


def prepare(photo: Values, spec: Input) -> FloatArray:
    """`(H, W, channels)` of `as_picture` -> float32 `(1, C, H, W)`, resized and normalised.

    Shrinks by area averaging, which like torchvision's antialiased resize looks at every pixel, and
    enlarges bilinearly. Colours for a network that takes brightness become grey first.

    Raises:
        ImageError: its shorter side is so short that scaling it up would take all memory.
    """
    place = fit(photo.shape[:2], spec)
    _check_resized(place)
    if spec.colour == "grey" and photo.shape[2] == 3:
        photo = np.asarray(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY))[..., None]
    resized = _resize(photo, place.resized)
    target, source = _overlap(place)
    planes = _planes(resized[source])
    image = np.empty((1, spec.channels, *spec.size), np.float32)
    if planes[0].shape != spec.size:
        image.fill(0)  # the mean colour
    for channel, (mean, std) in enumerate(zip(spec.mean, spec.std, strict=True)):
        taken = spec.channels - 1 - channel if spec.colour == "BGR" else channel
        _normalise(planes[taken], spec.full_scale, mean, std, image[0, channel][target])
    return image


def _check_resized(place: Fit) -> None:
    height, width = place.resized
    if height * width > _RESIZED:
        raise ImageError(
            f"a picture of {place.photo[1]} x {place.photo[0]} is too long: scaled for the network "
            f"it would be {width} x {height}; give the part that matters"
        )


def _normalise(plane: Values, full_scale: int, mean: float, std: float, into: FloatArray) -> None:
    """`(plane / white - mean) / std` of `(H, W)`; an 8-bit one looked up, in a tenth of the time.

    Written where it belongs: large arrays that are made and freed cost more than the arithmetic.
    """
    if plane.dtype == np.uint8:
        cv2.LUT(plane, _eight_bits(mean, std), dst=into)
        return
    white = np.float32(1 if plane.dtype == np.float32 else full_scale)
    into[...] = (np.asarray(plane, np.float32) / white - np.float32(mean)) / np.float32(std)


@lru_cache(maxsize=256)
def _eight_bits(mean: float, std: float) -> FloatArray:
    """What each of 256 values becomes."""
    values = np.arange(256, dtype=np.float32) / np.float32(EIGHT_BITS)
    return np.asarray((values - np.float32(mean)) / np.float32(std), np.float32)


def _shorter_side(photo: tuple[int, int], shorter: int) -> tuple[int, int]:
    height, width = photo
    if height <= width:
        return shorter, int(shorter * width / height)
    return int(shorter * height / width), shorter


def _resize(photo: Values, size: tuple[int, int]) -> Values:
    if photo.shape[:2] == size:
        return photo
    shrinks = photo.shape[0] > size[0] or photo.shape[1] > size[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    if photo.shape[2] <= 4:
        resized = cv2.resize(photo, size[::-1], interpolation=method)
        return np.asarray(resized, photo.dtype).reshape(*size, -1)  # a single channel is dropped
    planes = [cv2.resize(one, size[::-1], interpolation=method) for one in _planes(photo)]
    return np.stack(planes, -1)


def _planes(photo: Values) -> Sequence[Values]:
    """The channels of `(H, W, channels)`, each `(H, W)`."""
    if photo.shape[2] <= 4:  # of more than 128 it would be wrong
        return cv2.split(photo)
    return [np.ascontiguousarray(photo[..., channel]) for channel in range(photo.shape[2])]


def _overlap(place: Fit) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """The rectangle that both have in common: in the input, and in the scaled photograph."""
    target, source = [], []
    for size, resized, offset in zip(place.size, place.resized, place.offset, strict=True):
        start, stop = max(0, offset), min(size, offset + resized)
        target.append(slice(start, stop))
        source.append(slice(start - offset, stop - offset))
    return (target[0], target[1]), (source[0], source[1])
