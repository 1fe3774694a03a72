"""Which picture it was: digests of the file and of the pixels that were explained."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from camruntime._text import shown
from camruntime.bundle import digest_file, is_digest
from camruntime.errors import ImageError
from camruntime.pictures import Picture, Pixels


@dataclass(frozen=True, kw_only=True)
class PictureOf:
    """Which picture.

    Attributes:
        path: of a file, from the root.
        file_sha256: of a file's bytes; None of an array, or of a file that cannot be read.
        pixels_sha256: of an array as it was given; of a file, of the photograph as it is shown
            with the explanation, and None where there is none. See `digest_pixels`.
        dtype, shape: of those pixels.
        full_scale: of `Pixels`, the value of white.
    """

    path: str | None
    file_sha256: str | None
    pixels_sha256: str | None
    dtype: str | None
    shape: tuple[int, ...] | None
    full_scale: float | None

    def __post_init__(self) -> None:
        for digest in (self.file_sha256, self.pixels_sha256):
            if digest is not None and not is_digest(digest):
                raise ValueError(f"expected a SHA-256, got {digest!r:.70}")
        if len({one is None for one in (self.pixels_sha256, self.dtype, self.shape)}) > 1:
            raise ValueError("expected a digest of pixels with their dtype and shape")
        if self.shape is not None and (len(self.shape) not in (2, 3) or min(self.shape) < 1):
            raise ValueError(f"expected height, width and channels, got {self.shape!r:.60}")


def digest_pixels(values: NDArray[Any]) -> str:
    r"""SHA-256 over `uint8 (480, 640, 3)\n`, dtype and shape, and the values behind one another.

    Rows, columns, channels, from first to last; numbers of several bytes begin with the lowest.
    """
    little = values.astype(values.dtype.newbyteorder("<"), order="C", copy=False)
    digest = hashlib.sha256(f"{values.dtype.name} {tuple(values.shape)}\n".encode())
    digest.update(np.ascontiguousarray(little).data)
    return digest.hexdigest()


def picture_of(image: object, photo: Picture | None = None) -> PictureOf:
    """Which picture `image` is.

    Args:
        image: as it was given to `explain`: a path, an array, or `Pixels`.
        photo: of its explanation, uint8 RGB `(H, W, 3)`, where there is one.

    Raises:
        ImageError: it is no picture, or an array that is not the one that was explained: a camera
            may have filled it again.
    """
    if isinstance(image, (str, Path)):
        return _of_file(Path(image), photo)
    values = image.values if isinstance(image, Pixels) else image
    if not isinstance(values, np.ndarray):
        raise ImageError(f"expected the path or array that was explained, got {shown(image)}")
    if values.dtype.kind not in "uif":
        raise ImageError(f"expected an array of numbers as a picture, got one of {values.dtype}")
    if photo is not None:
        _require_same(values, photo)
    white = float(image.full_scale) if isinstance(image, Pixels) else None
    return _of_pixels(values, None, None, white)


def _of_file(path: Path, photo: Picture | None) -> PictureOf:
    """A file that cannot be read has no digest: that is what its record is about."""
    place = _from_root(path)
    try:
        digest = digest_file(path) if path.is_file() else None
    except (OSError, ValueError):
        digest = None
    if photo is None:
        return PictureOf(
            path=place, file_sha256=digest, pixels_sha256=None, dtype=None, shape=None,
            full_scale=None,
        )  # fmt: skip
    return _of_pixels(photo, place, digest, None)


def _from_root(path: Path) -> str:
    try:
        return str(path.absolute())
    except OSError:  # the working folder is gone
        return str(path)


def _of_pixels(
    values: NDArray[Any], path: str | None, file: str | None, white: float | None
) -> PictureOf:
    return PictureOf(
        path=path,
        file_sha256=file,
        pixels_sha256=digest_pixels(values),
        dtype=values.dtype.name,
        shape=tuple(values.shape),
        full_scale=white,
    )


def _require_same(values: NDArray[Any], photo: Picture) -> None:
    """Where an 8-bit picture's values are those that are drawn, they can be compared."""
    same = values.shape[:2] == photo.shape[:2]
    if same and values.dtype == np.uint8:
        drawn = values[..., None] if values.ndim == 2 else values
        if drawn.shape[2] in (1, 3):
            same = np.array_equal(np.broadcast_to(drawn, photo.shape), photo)
    if not same:
        raise ImageError(
            "the array is not the picture that was explained: where a camera fills it again, give "
            "a copy, or make the record before it does"
        )
