"""A folder per class: `cat/1.jpg`, `cat/2.jpg`, `dog/1.jpg`."""

from __future__ import annotations

from pathlib import Path

from camruntime.datasets._found import Entry, Found, in_one_line, is_picture


def read_folders(path: Path) -> Found:
    """Read the pictures of each folder in `path`; the folder's name is the class."""
    folders = class_folders(path)
    entries = [
        Entry(name=image.relative_to(path).as_posix(), image=image, category=folder.name)
        for folder in folders
        for image in sorted(filter(is_picture, folder.iterdir()))
    ]
    full = {entry.category for entry in entries}
    empty = [folder.name for folder in folders if folder.name not in full]
    loose = sorted(file.name for file in filter(is_picture, path.iterdir()))
    left_out = [
        *in_one_line(empty, "no picture is in this folder itself"),
        *in_one_line(loose, "the picture is in no class's folder"),
    ]
    return Found(entries, left_out)


def class_folders(path: Path) -> list[Path]:
    """The folders in `path`, without hidden ones."""
    inside = sorted(path.iterdir())
    return [one for one in inside if one.is_dir() and not one.name.startswith(".")]
