"""What a layout's reader finds, before its classes are matched with the network's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from camruntime.datasets._sample import GroundTruth
from camruntime.errors import DatasetError

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
"""Suffixes of pictures, in lower case."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A picture and one class that it shows, in the data set's words.

    Attributes:
        name, image, category, locate: as in `Sample`. Without a category, the network's own top
            class is meant.
        key: the class's id as text, where it has one besides its name.
        must_match: whether a sample of a category that the network does not know is left out.
        empty: whether somebody looked for objects on it, and marked none: a good part.
    """

    name: str
    image: Path
    category: str
    key: str = ""
    locate: Callable[[tuple[int, int]], GroundTruth] | None = None
    must_match: bool = True
    empty: bool = False


@dataclass(frozen=True)
class Found:
    """Everything that a reader finds; `left_out` as in `Dataset`."""

    entries: Sequence[Entry]
    left_out: Sequence[str] = ()


def is_picture(path: Path) -> bool:
    """Whether `path` is a file with a picture's suffix; hidden files are none."""
    return is_called_picture(path) and is_file(path)


def is_called_picture(path: Path) -> bool:
    """Whether `path` has a picture's suffix, whatever it is; hidden ones do not count."""
    return path.suffix.lower() in PICTURES and not path.name.startswith(".")


def is_file(path: Path) -> bool:
    """Whether `path` is a file; no name at all, too long or with a NUL, is none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def inside(folder: Path) -> list[Path]:
    """What is in `folder`, sorted.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DatasetError(f"cannot read {folder}: {error.strerror or error}") from error


def read_text(path: Path, most: int = 2**31) -> str:
    """A text file's content, in UTF-8 with or without a byte order mark.

    Args:
        path: a file, no pipe and no device.
        most: bytes that it may have.

    Raises:
        DatasetError: the file cannot be read, is larger, or is no UTF-8.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise DatasetError(f"cannot read {path}: expected a file")
        if size > most:
            raise DatasetError(f"{path} has {size} bytes: expected at most {most}")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not a text in UTF-8: save it as such") from error
    except ValueError as error:
        raise DatasetError(f"cannot read {path}: {error}") from error


def brief(text: object) -> str:
    """What a file holds, for a line of a message: without control characters, and not long."""
    line = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in str(text)[:200])
    return line if len(line) <= 80 else f"{line[:77]}..."


def in_one_line(names: Sequence[str], reason: str) -> list[str]:
    """One line for many names with the same reason; none for no name."""
    if not names:
        return []
    rest = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return [f"{brief(names[0])}{rest}: {reason}"]
