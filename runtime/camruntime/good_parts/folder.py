"""The pictures in a folder of good parts, each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from camruntime._text import named
from camruntime.bundle import digest_file
from camruntime.datasets import is_called_picture
from camruntime.errors import CalibrationError


@dataclass(frozen=True)
class PartFile:
    """A good part's picture: its name in the folder, the SHA-256 of the file, and its path."""

    name: str
    sha256: str
    path: Path


def pictures_in(folder: Path) -> list[Path]:
    """The pictures in a folder itself, in the order of their names.

    Folders in it are not looked into: they may hold masks, or bad parts.

    Raises:
        CalibrationError: it cannot be read, or holds none.
    """
    try:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise CalibrationError(f"cannot read {folder}: {error.strerror or error}") from error
    found = [one for one in inside if is_called_picture(one)]
    if not found:
        folders = [named(one.name) for one in inside if one.is_dir()]
        there = f"; it has the folders {', '.join(folders[:5])}" if folders else ""
        raise CalibrationError(
            f"no picture is in {named(folder)} itself{there}: expected a folder with pictures of "
            "parts"
        )
    return found


def distinct(pictures: Sequence[Path]) -> tuple[list[PartFile], list[str]]:
    """Parts of different content, and a line for each picture that is none.

    A picture that is there twice would count as two parts that agree, and promise too much.
    """
    first: dict[str, str] = {}
    parts, left_out = [], []
    for path in pictures:
        name = path.name
        try:
            digest = digest_file(path) if path.is_file() else ""
        except OSError as error:
            left_out.append(f"{named(name)}: {error.strerror or error}")
            continue
        if not digest:
            left_out.append(f"{named(name)}: expected a picture, it is no file or a broken link")
        elif digest in first:
            left_out.append(f"{named(name)}: the same picture as {named(first[digest])}")
        else:
            first[digest] = name
            parts.append(PartFile(name, digest, path))
    return parts, left_out
