"""The pictures in a folder of good parts, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from camruntime._text import named
from camruntime.bundle import digest_file
from camruntime.datasets import is_picture
from camruntime.errors import CalibrationError


@dataclass(frozen=True)
class PartFile:
    """A good part's picture: its name in the folder, the SHA-256 of the file, and its path."""

    name: str
    sha256: str
    path: Path


def pictures_in(folder: Path) -> list[Path]:
    """The pictures in a folder and its subfolders, in the order of their names.

    Raises:
        CalibrationError: it cannot be read, or holds none.
    """
    try:
        found = sorted(filter(is_picture, folder.rglob("*")) if folder.is_dir() else ())
    except OSError as error:
        raise CalibrationError(f"cannot read {folder}: {error.strerror or error}") from error
    if not found:
        raise CalibrationError(
            f"no picture is in {named(folder)}: expected a folder with pictures of good parts"
        )
    return found


def distinct(folder: Path, pictures: Sequence[Path]) -> tuple[list[PartFile], list[str]]:
    """Parts of different content, and a line for each picture that is none.

    A picture that is there twice would count as two parts that agree, and promise too much.
    """
    first: dict[str, str] = {}
    parts, left_out = [], []
    for path in pictures:
        name = path.relative_to(folder).as_posix()
        try:
            digest = digest_file(path)
        except OSError as error:
            left_out.append(f"{named(name)}: {error.strerror or error}")
            continue
        if digest in first:
            left_out.append(f"{named(name)}: the same picture as {named(first[digest])}")
        else:
            first[digest] = name
            parts.append(PartFile(name, digest, path))
    return parts, left_out
