"""A folder per class: `cat/1.jpg`, `cat/2.jpg`, `dog/1.jpg`."""

from __future__ import annotations

from pathlib import Path

from camruntime.datasets._found import Entry, Found, in_one_line, inside, is_picture
from camruntime.errors import DatasetError


def read_folders(path: Path) -> Found:
    """Read the pictures of each folder in `path`; the folder's name is the class."""
    entries: list[Entry] = []
    empty, closed = [], []
    for folder in class_folders(path):
        try:
            images = list(filter(is_picture, inside(folder)))
        except DatasetError as error:
            closed.append(f"{folder.name}: {error}")
            continue
        entries.extend(
            Entry(name=image.relative_to(path).as_posix(), image=image, category=folder.name)
            for image in images
        )
        if not images:
            empty.append(folder.name)
    loose = [file.name for file in filter(is_picture, inside(path))]
    left_out = [
        *closed,
        *in_one_line(empty, "no picture is in this folder itself"),
        *in_one_line(loose, "the picture is in no class's folder"),
    ]
    return Found(entries, left_out)


def class_folders(path: Path) -> list[Path]:
    """The folders in `path`, without hidden ones."""
    return [one for one in inside(path) if one.is_dir() and not one.name.startswith(".")]
